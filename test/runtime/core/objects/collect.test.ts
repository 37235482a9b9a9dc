// What collections find, and that a look at the young is one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "../../../../runtime/core/objects/index.ts";

test("what a loop let go of a round ago is found among the young (invariant 1)", async () => {
  const found: number[] = [];
  const registry = new FinalizationRegistry<number>((round) => found.push(round));
  const put = async (round: number): Promise<object> => {
    await collectGarbage("YOUNG");
    const reference = { round };
    registry.register(reference, round);
    return reference;
  };
  await collectGarbage("ALL");
  let last: object | undefined;
  for (let round = 0; round < 6; round++) last = await put(round);
  assert.ok(found.includes(3), `found ${found.join()}`);
  assert.ok(last !== undefined && !found.includes(5));
});

test("what is old is found by a look at all", async () => {
  let found = 0;
  const registry = new FinalizationRegistry<undefined>(() => found++);
  const make = (): object => {
    const one = {};
    registry.register(one, undefined);
    return one;
  };
  let held = Array.from({ length: 10 }, make);
  await collectGarbage("ALL");
  await collectGarbage("ALL");
  assert.equal(found, 0);
  held = [];
  await collectGarbage("YOUNG");
  assert.equal(found, 0);
  await collectGarbage("ALL");
  assert.equal(found, 10 - held.length);
});
