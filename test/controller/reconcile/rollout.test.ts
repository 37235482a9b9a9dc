// A deployment's life, one state after the other, in the simulated world: what each looks like and what ends it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROLLOUT, keyOf } from "../../../controller/reconcile/index.ts";
import { desire, revision } from "./support.ts";
import { served, World, type WorldOptions } from "./world.ts";

const [A, B] = [revision("a"), revision("b")];

/** A world in which `a` has settled. */
function settled(numReplicas: number, options: Partial<WorldOptions> = {}): World {
  const world = new World(desire(A, { numReplicas }), options);
  world.run(20_000);
  assert.equal(world.planned.status.state, "HEALTHY");
  return world;
}

test("a first deploy starts all at once and is HEALTHY as soon as all run", () => {
  const world = new World(desire(A, { numReplicas: 3 }));
  assert.deepEqual(world.did(), ["start d#0", "start d#1", "start d#2"]);
  assert.equal(world.planned.status.message, "0 of 3 replicas run");
  world.run(500);
  const { status } = world.planned;
  assert.deepEqual(
    [status.state, status.trigger, status.message],
    ["HEALTHY", "CONFIG_UPDATE_COMPLETED", ""],
  );
  assert.deepEqual(world.states, ["UPDATING", "HEALTHY"]);
  assert.equal(world.planned.wakeAtMs, 5_500, "when they will have proven themselves");
  world.run(10_000);
  assert.deepEqual(world.courses, ["FIRST → STEADY"]);
  assert.equal(world.planned.wakeAtMs, Number.POSITIVE_INFINITY);
});

test("a first deploy that fails is tried again after 1, 2 and 4 s, then DEPLOY_FAILED for good", () => {
  const world = new World(desire(revision("throws")), { delay: () => 100 });
  world.run(60_000);
  const starts = world.log.flatMap(({ atMs, action }) => (action.kind === "start" ? [atMs] : []));
  assert.deepEqual(starts, [0, 1_100, 3_200, 7_300]);
  const { status } = world.planned;
  assert.deepEqual(
    [status.state, status.trigger, status.takesRequests],
    ["DEPLOY_FAILED", "REPLICA_STARTUP_FAILED", false],
  );
  assert.match(
    status.message,
    /^version \w+\.\w+ failed: replica "d#3" failed to start: Error: no model; 4 failures$/,
  );
  assert.deepEqual(status.failure?.logLines, ["about to: Error: no model"]);

  world.want({}, true);
  assert.equal(world.planned.status.state, "UPDATING", "another deploy tries again, without a wait");
  assert.equal(world.did().at(-1), "start d#4");
  world.want({ revision: A });
  world.run(10_000);
  assert.equal(world.planned.status.state, "HEALTHY");
});

test("what fails the same way every time is tried once", () => {
  const world = new World(desire(revision("missing"), { numReplicas: 2 }));
  world.run(60_000);
  assert.equal(world.starts(), 2);
  assert.equal(world.planned.status.state, "DEPLOY_FAILED");
});

test("what no node could ever hold is not waited for", () => {
  const world = new World(desire(A), { room: 0 });
  const [pending] = world.living();
  assert.ok(pending);
  assert.equal(world.planned.status.replicas.STARTING, 0);
  const phase = {
    kind: "PENDING_ALLOCATION",
    message: "needs 64 num_cpus, 2 on the largest node",
    possible: false,
  } as const;
  world.replicas.set(pending.id, { ...pending, phase });
  world.settle();
  const { status } = world.planned;
  assert.deepEqual([status.state, status.trigger], ["DEPLOY_FAILED", "INSUFFICIENT_RESOURCES"]);
  assert.match(status.message, /cannot be placed: needs 64 num_cpus/);
});

test("a heavy change of one replica: the new one starts, is well for five seconds, then the old one drains", () => {
  const world = settled(1);
  const atMs = world.nowMs;
  world.want({ revision: B });
  assert.deepEqual(world.planned.status.state, "UPDATING");
  assert.equal(keyOf(world.planned.serving), keyOf(A), "its settings hold until the rollout is done");
  world.run(5_499);
  assert.deepEqual(served(world), { "a ok": 1, "b ok": 1 });
  world.run(1);
  assert.deepEqual(world.did(atMs), ["start d#1", "stop d#0"]);
  const stop = world.log.at(-1)?.action;
  assert.ok(stop?.kind === "stop");
  assert.deepEqual([stop.graceMs, stop.reason.startsWith("replaced by version")], [20_000, true]);
  world.run(500);
  assert.deepEqual(served(world), { "b ok": 1 });
  assert.deepEqual(world.courses.slice(1), ["STEADY → ROLLING", "ROLLING → STEADY"]);
  assert.equal(keyOf(world.planned.serving), keyOf(B));
  assert.deepEqual([world.planned.status.state, world.planned.status.rollout], ["HEALTHY", undefined]);
});

test("a rollout goes a fifth at a time, and a surge waits for what still drains", () => {
  const world = settled(10);
  world.want({ revision: B });
  assert.equal(world.replicas.size, 12);
  let most = 0;
  while (world.planned.status.state !== "HEALTHY") {
    world.run(100);
    most = Math.max(most, world.replicas.size);
    assert.ok(world.serving().length >= 10);
  }
  assert.equal(most, 12);
  assert.deepEqual(served(world), { "b ok": 10 });
});

for (const module of ["throws", "missing", "faints"] as const) {
  test(`a rollout to a version that ${module} is rolled back; the old replicas never notice`, () => {
    const world = settled(3);
    const old = [...world.replicas.keys()];
    const atMs = world.nowMs;
    world.want({ revision: revision(module) });
    world.run(120_000);
    const { status, serving } = world.planned;
    assert.deepEqual([status.state, status.trigger], ["DEPLOY_FAILED", "ROLLED_BACK"]);
    assert.equal(status.takesRequests, true);
    const error = module === "faints" ? "died after 2.0 s: exit code 1" : "failed to start: Error: no model";
    assert.ok(status.message.includes(error), status.message);
    assert.match(status.message, /rolled back to \w+\.\w+, 3 of 3 replicas run$/);
    assert.equal(status.failure?.logLines.length, 1);
    assert.equal(keyOf(serving), keyOf(A));
    assert.deepEqual([...world.replicas.keys()], old);
    assert.equal(world.starts(atMs), module === "missing" ? 1 : 4);
    const actions = world.log.length;
    world.want({ numReplicas: 4 });
    world.run(60_000);
    assert.deepEqual(world.did().slice(actions), ["start d#" + (3 + world.starts(atMs) - 1)]);
    assert.deepEqual(served(world), { "a ok": 4 }, "a change of counts does not try the version again");
    world.want({}, true);
    assert.deepEqual(world.courses.at(-1), "ROLLED_BACK → ROLLING", "another deploy does");
  });
}

test("a change in the middle of a rollout goes on from there; one back is one more", () => {
  const world = settled(5);
  world.want({ revision: revision("faints") });
  world.run(1_000);
  assert.deepEqual(served(world), { "a ok": 5, "faints ok": 1 });
  world.want({ revision: B });
  world.run(60_000);
  assert.deepEqual([served(world), world.planned.status.state], [{ "b ok": 5 }, "HEALTHY"]);
  world.want({ revision: A });
  world.run(6_000);
  assert.deepEqual(served(world), { "a ok": 1, "b ok": 4 });
  world.want({ revision: B });
  world.run(30_000);
  assert.deepEqual([served(world), world.planned.status.state], [{ "b ok": 5 }, "HEALTHY"]);
});

test("scaling in the middle of a rollout: up with what has proven itself, down with the old ones", () => {
  const world = settled(5);
  world.want({ revision: B });
  world.want({ numReplicas: 8 });
  world.run(600);
  assert.deepEqual(served(world), { "a ok": 8, "b ok": 1 });
  world.want({ numReplicas: 2 });
  world.run(5_500);
  assert.deepEqual(served(world), { "a ok": 1, "b ok": 1 });
  world.run(10_000);
  assert.deepEqual([served(world), world.planned.status.state], [{ "b ok": 2 }, "HEALTHY"]);
});

test("deleting in the middle of a rollout stops everything; wanted again, it is the good version's", () => {
  const world = settled(2);
  world.want({ revision: B });
  world.want({ deleting: true });
  const { status } = world.planned;
  assert.deepEqual([status.state, status.trigger, status.takesRequests], ["UPDATING", "DELETING", false]);
  assert.equal(world.planned.gone, false);
  world.run(1_000);
  assert.deepEqual([world.planned.gone, world.replicas.size], [true, 0]);
  world.want({ deleting: false });
  world.run(60_000);
  assert.deepEqual([served(world), world.planned.status.state], [{ "b ok": 2 }, "HEALTHY"]);
  assert.deepEqual(world.courses.slice(-4), [
    "ROLLING → DELETING",
    "DELETING → STEADY",
    "STEADY → ROLLING",
    "ROLLING → STEADY",
  ]);
});

test("a server that comes back in the middle of a rollout serves the good version while it goes on", () => {
  const world = settled(3);
  world.want({ revision: revision("faints") });
  world.restart();
  assert.equal(world.did().slice(-4).length, 4);
  world.run(600);
  assert.deepEqual(served(world), { "a ok": 3, "faints ok": 1 });
  world.run(60_000);
  assert.equal(world.planned.status.trigger, "ROLLED_BACK");
  world.restart();
  world.run(60_000);
  assert.deepEqual([served(world), world.planned.status.trigger], [{ "a ok": 3 }, "ROLLED_BACK"]);
});

test("without room for a surge a rollout waits and says so; `stop-old` makes room instead", () => {
  const waiting = settled(3, { room: 3 });
  waiting.want({ revision: B });
  waiting.run(60_000);
  const { status } = waiting.planned;
  assert.deepEqual([status.state, status.trigger], ["UPDATING", "INSUFFICIENT_RESOURCES"]);
  const hint = "the old ones keep theirs until then (rolling_update_when_short: wait)";
  assert.equal(status.message, `3 of 3 replicas run; needs 1 num_cpus, 0 free; ${hint}`);
  assert.equal(status.replicas.PENDING_ALLOCATION, 1);
  assert.deepEqual(served(waiting), { "a ok": 3 });
  waiting.setRoom(4);
  waiting.run(60_000);
  assert.deepEqual([served(waiting), waiting.planned.status.state], [{ "b ok": 3 }, "HEALTHY"]);

  const dipping = settled(3, { room: 3 });
  dipping.want({ revision: B, rollout: { ...DEFAULT_ROLLOUT, whenShort: "stop-old" } });
  while (dipping.planned.status.state !== "HEALTHY") {
    dipping.run(100);
    assert.ok(dipping.serving().length >= 2, "one step fewer, not more");
  }
  assert.deepEqual(served(dipping), { "b ok": 3 });
});

test("room that is found goes to the new version, not to an old replica that waited before (stops 4)", () => {
  const world = settled(3, { room: 3 });
  world.want({ numReplicas: 4 });
  world.run(1_000);
  assert.equal(world.planned.status.replicas.PENDING_ALLOCATION, 1);
  world.want({ revision: B, numReplicas: 4 });
  world.run(10_000);
  const actions = world.log.length;
  world.run(60_000);
  assert.equal(world.log.length, actions, "nothing comes and goes while there is no room");
  world.setRoom(4);
  world.run(60_000);
  assert.deepEqual(served(world), { "a ok": 3, "b ok": 1 });
});

test("a light change does nothing to replicas, and its settings hold at once", () => {
  const world = settled(3);
  const actions = world.log.length;
  const light = revision("a", "ok", { maxQueuedRequests: 7, healthCheckPeriodMs: 1 });
  world.want({ revision: light });
  world.run(60_000);
  assert.equal(world.log.length, actions);
  assert.equal(world.planned.serving, light);
  assert.equal(world.planned.status.state, "HEALTHY");
});

test("a new user_config goes round a step at a time, each well for a while before the next; nothing restarts", () => {
  const world = settled(5);
  const atMs = world.nowMs;
  world.want({ revision: revision("a", "ok2") });
  world.run(5_500);
  assert.deepEqual(world.did(atMs), ["reconfigure d#4", "reconfigure d#3"]);
  assert.equal(world.planned.status.state, "UPDATING");
  world.run(30_000);
  assert.equal(world.did(atMs).length, 5);
  assert.deepEqual([served(world), world.planned.status.state], [{ "a ok2": 5 }, "HEALTHY"]);
});

test("a user_config that is refused: the one replica that tried is replaced with the last good one", () => {
  const world = settled(3);
  const atMs = world.nowMs;
  world.want({ revision: revision("a", "bad") });
  world.run(1_000);
  assert.deepEqual(world.did(atMs), ["reconfigure d#2", "retire d#2"]);
  assert.equal(world.serving().length, 3, "it serves until then");
  world.run(60_000);
  const { status } = world.planned;
  assert.deepEqual([status.state, status.trigger], ["DEPLOY_FAILED", "ROLLED_BACK"]);
  assert.deepEqual(served(world), { "a ok": 3 });
  assert.ok(world.replicas.has("d#0") && world.replicas.has("d#1") && !world.replicas.has("d#2"));
});

test("scaling: UPSCALING and DOWNSCALING by whom, the youngest go first, zero is HEALTHY", () => {
  const world = settled(2);
  world.want({ numReplicas: 4, scaledBy: "autoscaler" });
  let { status } = world.planned;
  assert.deepEqual([status.state, status.trigger], ["UPSCALING", "AUTOSCALING"]);
  world.run(10_000);
  assert.equal(world.planned.status.trigger, "UPSCALE_COMPLETED");
  world.want({ numReplicas: 6 });
  world.want({ numReplicas: 3 });
  ({ status } = world.planned);
  assert.equal(status.state, "DOWNSCALING");
  assert.deepEqual(
    world.did().slice(-3),
    ["stop d#5", "stop d#4", "stop d#3"],
    "those not yet running first",
  );
  world.run(1_000);
  assert.equal(world.planned.status.trigger, "DOWNSCALE_COMPLETED");
  world.want({ numReplicas: 0 });
  world.run(1_000);
  assert.deepEqual([world.planned.status.state, world.replicas.size], ["HEALTHY", 0]);
  world.want({ revision: B });
  assert.deepEqual([world.planned.status.state, world.replicas.size], ["HEALTHY", 0]);
  world.want({ numReplicas: 1 });
  world.run(60_000);
  assert.deepEqual([served(world), world.planned.status.state], [{ "b ok": 1 }, "HEALTHY"]);
});

test("a replica whose node drains is replaced before it goes", () => {
  const world = settled(2);
  const atMs = world.nowMs;
  world.evacuate(0);
  world.run(30_000);
  assert.deepEqual(world.did(atMs), ["start d#2", "stop d#0"]);
  assert.equal(world.planned.status.state, "HEALTHY");
});
