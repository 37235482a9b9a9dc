// Nothing is computed when nothing changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { replan } from "../../../controller/reconcile/index.ts";
import { desire, revision } from "./support.ts";
import { World } from "./world.ts";

function inputs(world: World) {
  return {
    desired: world.desired,
    observed: { replicas: [...world.replicas.values()], memory: world.memory },
  };
}

test("the same inputs give the same object until it is time to wake", () => {
  const world = new World(desire(revision("a"), { numReplicas: 2 }));
  world.run(600);
  const now = inputs(world);
  const first = replan(undefined, now, world.nowMs);
  assert.equal(first.planned.wakeAtMs, 5_500);
  assert.equal(replan(first, now, 5_499), first);
  const proven = replan(first, now, 5_500);
  assert.notEqual(proven, first);
  assert.deepEqual(
    proven.planned.transitions.map(({ to }) => to.kind),
    ["STEADY"],
  );
});

test("what is wanted or seen anew is planned anew, and so is what asked for something", () => {
  const world = new World(desire(revision("a"), { numReplicas: 2 }));
  world.run(20_000);
  const now = inputs(world);
  const first = replan(undefined, now, world.nowMs);
  assert.equal(replan(first, now, Number.MAX_SAFE_INTEGER), first, "settled: it never wakes");
  assert.notEqual(replan(first, { ...now, desired: { ...now.desired } }, world.nowMs), first);
  assert.notEqual(replan(first, { ...now, observed: { ...now.observed } }, world.nowMs), first);

  const more = { ...now, desired: { ...now.desired, numReplicas: 3 } };
  const asked = replan(first, more, world.nowMs);
  assert.equal(asked.planned.actions.length, 1);
  const again = replan(asked, more, world.nowMs);
  assert.notEqual(again, asked);
  assert.deepEqual(again, asked, "the plan is a function of its inputs");
});
