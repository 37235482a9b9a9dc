// When a collection is worth its time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CollectPolicy, type Generation } from "../../../../runtime/core/objects/index.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const MIB = 2 ** 20;

/** A policy whose last collection of all took that long. */
async function after(tookMs: number, mostBytes = 2 ** 40): Promise<CollectPolicy> {
  const clock = new FakeClock();
  const policy = new CollectPolicy(clock, mostBytes);
  policy.stored(1);
  assert.equal(policy.pays("ALL"), true, "of the first nobody knows how long it takes");
  assert.equal(await policy.run("ALL", async () => clock.advance(tookMs)), tookMs);
  assert.equal(policy.pays("ALL"), false);
  return policy;
}

test("a quick one pays when ten times as long was copied (invariant 2)", async () => {
  const policy = await after(2);
  policy.stored(319 * MIB);
  assert.equal(policy.pays("ALL"), false);
  policy.stored(MIB + 1);
  assert.equal(policy.pays("ALL"), true);
});

test("a slow one pays before memory runs out, when new memory took three times as long (invariant 1)", async () => {
  const policy = await after(20, 50 * MIB);
  policy.stored(50 * MIB);
  assert.equal(policy.pays("ALL"), false);
  policy.stored(11 * MIB);
  assert.equal(policy.pays("ALL"), true);
});

test("the young are looked at by their own time, and again within 64 MiB however long that was (invariant 3)", async () => {
  const clock = new FakeClock();
  const policy = new CollectPolicy(clock);
  const look = (tookMs: number) => policy.run("YOUNG", async () => clock.advance(tookMs));
  policy.stored(500 * MIB);
  await look(0.25);
  assert.deepEqual([policy.pays("YOUNG"), policy.pays("ALL")], [false, true]);
  policy.stored(40 * MIB);
  assert.equal(policy.pays("YOUNG"), true);
  await look(8);
  policy.stored(63 * MIB);
  assert.equal(policy.pays("YOUNG"), false);
  policy.stored(MIB);
  assert.equal(policy.pays("YOUNG"), true);
});

/** Puts of 8 MiB that find a file behind a collection that `frees`; what was collected for each. */
async function puts(
  count: number,
  frees: (generation: Generation, nth: number) => boolean,
): Promise<string[]> {
  const clock = new FakeClock();
  const policy = new CollectPolicy(clock, MIB);
  const collected: string[] = [];
  for (let nth = 1; nth <= count; nth++) {
    policy.stored(8 * MIB);
    let did = "";
    let file: "file" | undefined;
    const found = await policy.seek({
      bytes: 8 * MIB,
      ask: async () => file,
      collect: async (generation) => {
        clock.advance(0.1);
        did += generation === "YOUNG" ? "y" : "A";
        if (frees(generation, nth)) file = "file";
      },
    });
    assert.equal(found, file);
    collected.push(did);
  }
  return collected;
}

test("all is looked at when the young were in vain twice in a row (invariant 4)", async () => {
  assert.deepEqual(await puts(6, () => false), ["y", "yA", "y", "yA", "y", "yA"]);
  assert.deepEqual(await puts(4, (which) => which === "YOUNG"), ["y", "y", "y", "y"]);
  assert.deepEqual(await puts(5, (which, nth) => which === "YOUNG" && nth % 2 === 0), [
    "y",
    "y",
    "y",
    "y",
    "y",
  ]);
});

test("for what is not worth a file nothing is collected", async () => {
  const policy = await after(1);
  policy.stored(500 * MIB);
  const seek = { bytes: 1_000, ask: async () => undefined, collect: () => assert.fail("it collects") };
  assert.equal(await policy.seek(seek), undefined);
});
