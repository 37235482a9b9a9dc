// Replicas that serve and are replaced all the same: their node drains, their results are bad, they outgrow their memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROLLOUT } from "../../../controller/reconcile/index.ts";
import { desire, revision } from "./support.ts";
import { World } from "./world.ts";

const MIN_READY_MS = DEFAULT_ROLLOUT.minReadyMs;

test("one ends when another has proven itself; nothing is called ill meanwhile", () => {
  const world = new World(desire(revision("a")));
  world.run(MIN_READY_MS + 1_000);
  world.kill(0); // an old failure is no reason for what happens later
  world.run(10 * MIN_READY_MS);
  world.states.splice(0);
  const since = world.nowMs;
  world.evacuate(0);
  const { status } = world.planned;
  assert.deepEqual([status.state, status.trigger], ["UPDATING", "REPLACING_REPLICAS"]);
  assert.equal(status.message, '1 of 1 replicas run; replica "d#1" is replaced: its node drains');
  assert.equal(status.failure, undefined);
  world.run(MIN_READY_MS);
  assert.deepEqual(world.did(since), ["start d#2"]);
  world.run(1_000);
  assert.deepEqual(world.did(since), ["start d#2", "stop d#1"]);
  assert.deepEqual(world.states, ["UPDATING", "HEALTHY"]);
});

test("without room for another it serves on, and what is short is said", () => {
  const world = new World(desire(revision("a"), { numReplicas: 2 }), { room: 2 });
  world.run(2 * MIN_READY_MS);
  world.evacuate(0);
  world.run(60_000);
  const { status } = world.planned;
  assert.deepEqual([status.state, status.trigger], ["UPDATING", "INSUFFICIENT_RESOURCES"]);
  assert.match(status.message, /^2 of 2 replicas run; needs 1 num_cpus, 0 free; replica .* its node drains$/);
  assert.equal(world.serving().length, 2);
  world.setRoom(3);
  world.run(60_000);
  assert.equal(world.planned.status.state, "HEALTHY");
});

test("one that dies while it is replaced is a failure like any other", () => {
  const world = new World(desire(revision("a"), { numReplicas: 2 }), { room: 2 });
  world.run(2 * MIN_READY_MS);
  world.evacuate(0);
  world.kill(1);
  assert.equal(world.planned.status.state, "UNHEALTHY");
  world.run(60_000);
  assert.equal(world.serving().length, 2);
});
