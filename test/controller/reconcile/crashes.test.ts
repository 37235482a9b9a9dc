// Replicas that die: replaced at once when they were good, less and less often when they die again and again.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterProof,
  allowedFailures,
  LONGEST_WAIT_MS,
  type ReplicaFailure,
  type Trouble,
  withFailure,
} from "../../../controller/reconcile/trouble.ts";
import { desire, revision } from "./support.ts";
import { World } from "./world.ts";

const A = revision("a");

function settled(numReplicas: number): World {
  const world = new World(desire(A, { numReplicas }));
  world.run(20_000);
  return world;
}

test("a replica that dies or fails its checks is replaced at once; the others are left alone", () => {
  const world = settled(3);
  const atMs = world.nowMs;
  world.kill(0);
  const { status } = world.planned;
  assert.deepEqual([status.state, status.trigger], ["UNHEALTHY", "HEALTH_CHECK_FAILED"]);
  assert.equal(status.message, '2 of 3 replicas run; replica "d#0" died after 19.5 s: killed');
  world.run(500);
  world.sicken(0);
  assert.deepEqual(world.did(atMs), ["forget d#0", "start d#3", "stop d#1", "start d#4"]);
  world.run(10_000);
  assert.equal(world.planned.status.state, "HEALTHY");
});

test("one killed every second for two minutes: each is replaced within a second, most serve", () => {
  const world = settled(4);
  const startedMs = world.nowMs;
  let served = 0;
  for (let second = 0; second < 120; second++) {
    world.kill(second * 7);
    world.run(1_000);
    served += world.serving().length;
  }
  assert.ok(world.starts(startedMs) >= 110, `${world.starts(startedMs)} starts`);
  assert.ok(served / 120 > 3, `${served / 120} serve on average`);
  world.run(10_000);
  assert.equal(world.planned.status.state, "HEALTHY");
});

test("a good version that no longer starts is tried less and less often, beside replicas that go on", () => {
  const world = settled(3);
  const healthy = [...world.replicas.keys()].slice(1);
  world.poisoned = true;
  world.kill(0);
  const atMs = world.nowMs;
  world.run(600_000);
  // 1 + 2 + 4 + … + 32 s, then once a minute, each with half a second to start.
  assert.ok(world.starts(atMs) <= 17, `${world.starts(atMs)} starts in ten minutes`);
  assert.ok(world.starts(atMs) >= 14);
  assert.equal(world.planned.status.state, "UNHEALTHY");
  assert.match(world.planned.status.message, /^2 of 3 replicas run; replica "d#\d+" failed to start/);
  assert.deepEqual([...world.replicas.keys()].slice(0, 2), healthy);
  world.kill(0);
  world.kill(0);
  const { status } = world.planned;
  assert.deepEqual([status.state, status.takesRequests], ["DEPLOY_FAILED", false], "none is left");
  world.poisoned = false;
  world.run(70_000);
  assert.equal(world.planned.status.state, "HEALTHY", "it was good, so it is tried for ever");
});

const FAILURE: ReplicaFailure = {
  replicaId: "d#0",
  during: "start",
  ranMs: undefined,
  atMs: 0,
  message: "no",
  logLines: [],
  permanent: false,
};
const STRANGER = { minReadyMs: 5_000, spare: 0, onTrial: false };

function waits(
  failures: readonly Partial<ReplicaFailure & { startedMs: number; spare: number }>[],
): number[] {
  let trouble: Trouble | undefined;
  return failures.map(({ startedMs = 0, spare = 0, ...failure }) => {
    const atMs = failure.atMs ?? 0;
    trouble = withFailure(trouble, { ...FAILURE, ...failure }, { ...STRANGER, startedMs, spare });
    return Math.max(0, (trouble?.retryAtMs ?? atMs) - atMs);
  });
}

test("the wait doubles from a second to a minute", () => {
  const rounds = Array.from({ length: 9 }, (_, round) => ({
    atMs: round * 100_000,
    startedMs: round * 100_000,
  }));
  assert.deepEqual(waits(rounds), [
    1_000,
    2_000,
    4_000,
    8_000,
    16_000,
    32_000,
    60_000,
    60_000,
    LONGEST_WAIT_MS,
  ]);
});

test("failures of one round double it once (invariant 1)", () => {
  assert.deepEqual(
    waits([{ atMs: 10 }, { atMs: 10 }, { atMs: 20 }, { atMs: 2_000, startedMs: 1_010 }]),
    [1_000, 1_000, 990, 2_000],
  );
});

test("a replica that lived long enough dies without consequence (invariant 2)", () => {
  assert.deepEqual(waits([{ during: "run", ranMs: 5_000 }]), [0]);
  assert.deepEqual(waits([{ during: "run", ranMs: 4_999 }]), [1_000]);
  assert.deepEqual(
    waits([
      { during: "run", ranMs: 10, spare: 1 },
      { during: "run", ranMs: 10, spare: 1 },
    ]),
    [0, 1_000],
    "a good version has some early deaths free",
  );
});

test("a proof counts only of a replica that started after the trouble; on trial the count stays", () => {
  const trouble = withFailure(undefined, { ...FAILURE, atMs: 100 }, { ...STRANGER, startedMs: 0 });
  assert.ok(trouble);
  assert.equal(afterProof(trouble, 99, { onTrial: false }), trouble);
  assert.equal(afterProof(trouble, 100, { onTrial: false }), undefined);
  const tried = afterProof(trouble, 100, { onTrial: true });
  assert.deepEqual([tried?.level, tried?.failures], [0, 1]);
});

test("failures allowed: the config's retries for each that starts at a time, at most 20, never fewer than asked for", () => {
  const allowed = [
    [3, 1],
    [3, 4],
    [3, 100],
    [50, 100],
    [0, 5],
  ].map(([retries = 0, atATime = 0]) => allowedFailures(retries, atATime));
  assert.deepEqual(allowed, [3, 12, 20, 50, 0]);
});
