// When a collection is worth its time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CollectPolicy } from "../../../../runtime/core/objects/index.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const MIB = 2 ** 20;

/** A policy whose last collection took that long. */
async function after(tookMs: number, mostBytes = 2 ** 40): Promise<CollectPolicy> {
  const clock = new FakeClock();
  const policy = new CollectPolicy(clock, mostBytes);
  policy.stored(1);
  assert.equal(policy.pays(), true, "of the first nobody knows how long it takes");
  assert.equal(await policy.run(async () => clock.advance(tookMs)), tookMs);
  assert.equal(policy.pays(), false);
  return policy;
}

test("a quick one pays when ten times as long was copied (invariant 2)", async () => {
  const policy = await after(2);
  policy.stored(319 * MIB);
  assert.equal(policy.pays(), false);
  policy.stored(MIB + 1);
  assert.equal(policy.pays(), true);
});

test("a slow one pays before memory runs out, when new memory took three times as long (invariant 1)", async () => {
  const policy = await after(20, 50 * MIB);
  policy.stored(50 * MIB);
  assert.equal(policy.pays(), false);
  policy.stored(11 * MIB);
  assert.equal(policy.pays(), true);
});

test("it is asked again only after a collection that pays, and for what is worth a file", async () => {
  const policy = await after(1);
  const found: (string | undefined)[] = [undefined, "spare"];
  let collections = 0;
  const seek = (bytes: number): Promise<string | undefined> =>
    policy.seek(
      bytes,
      async () => found.shift(),
      async () => void collections++,
    );
  assert.equal(await seek(8 * MIB), undefined);
  policy.stored(500 * MIB);
  assert.deepEqual([await seek(8 * MIB), collections], ["spare", 0]);
  found.push(undefined, undefined, "found");
  assert.equal(await seek(1_000), undefined);
  assert.deepEqual([await seek(8 * MIB), collections, found.length], ["found", 1, 0]);
});
