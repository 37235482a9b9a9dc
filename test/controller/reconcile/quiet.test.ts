// Which replicas of a version on trial get no requests yet, and when they do.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FIRST_MEMORY,
  type ObservedReplica,
  plan,
  quietReplicas,
} from "../../../controller/reconcile/index.ts";
import { desire, revision } from "./support.ts";

const [GOOD, TARGET] = [revision("a"), revision("b")];
const ROLLING = { ...FIRST_MEMORY, course: { kind: "ROLLING", good: GOOD, target: TARGET } } as const;

function running(id: string, of = GOOD, sinceMs = 0): ObservedReplica {
  return {
    id,
    revision: of,
    startedMs: 0,
    phase: { kind: "RUNNING", sinceMs, configuredMs: sinceMs },
  };
}

function quiet(replicas: readonly ObservedReplica[], nowMs: number, memory: typeof FIRST_MEMORY = ROLLING) {
  return [...quietReplicas({ replicas, memory }, { minReadyMs: 5_000, nowMs })];
}

test("a new version's replicas get nothing for half of the time to prove themselves (1)", () => {
  const replicas = [running("old"), running("new", TARGET, 1_000)];
  assert.deepEqual(quiet(replicas, 1_000), ["new"]);
  assert.deepEqual(quiet(replicas, 3_499), ["new"]);
  assert.deepEqual(quiet(replicas, 3_500), []);
});

test("they are not held back when nobody else serves, nor when no version is on trial (2)", () => {
  const fresh = running("new", TARGET, 1_000);
  const dead: ObservedReplica = { ...running("old"), phase: { kind: "STOPPING" } };
  assert.deepEqual(quiet([dead, fresh], 1_000), []);
  assert.deepEqual(quiet([fresh], 1_000), []);
  assert.deepEqual(
    quiet([running("old"), fresh], 1_000, { ...ROLLING, course: { kind: "STEADY", good: GOOD } }),
    [],
  );
});

test("a reconfigured replica is held back no more than before: its process is the old one", () => {
  const light = revision("a", "ok2");
  const memory = { ...FIRST_MEMORY, course: { kind: "ROLLING", good: GOOD, target: light } } as const;
  assert.deepEqual(quiet([running("old"), running("told", light, 1_000)], 1_000, memory), []);
});

test("the plan wakes when one is to get requests", () => {
  const replicas = [running("old", GOOD, -20_000), running("new", TARGET, 1_000)];
  const desired = desire(TARGET, { numReplicas: 2 });
  const wakeAtMs = plan(desired, { replicas, memory: ROLLING }, 1_000).wakeAtMs;
  assert.equal(wakeAtMs, 3_500);
  assert.equal(
    plan(desired, { replicas, memory: ROLLING }, wakeAtMs).wakeAtMs,
    6_000,
    "when it has proven itself",
  );
});
