// What the states of replicas make of their deployment.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentStatus } from "../../controller/catalog.ts";
import { statusOf } from "../../controller/deployment.ts";
import type { ReplicaState } from "../../controller/replica-process.ts";

const RUNNING: ReplicaState = { kind: "RUNNING", pid: 1, sinceEpochMs: 0 };
const STARTING: ReplicaState = { kind: "STARTING", message: "" };
const CRASHED: ReplicaState = { kind: "STARTING", message: "crashed" };
const WAITING: ReplicaState = { kind: "WAITING", message: "needs 1 num_cpus" };
const FAILED: ReplicaState = { kind: "FAILED", message: "no model" };
const STOPPED: ReplicaState = { kind: "STOPPED" };

const UPDATING: DeploymentStatus = { state: "UPDATING", message: "" };
const HEALTHY: DeploymentStatus = { state: "HEALTHY", message: "" };

for (const [what, replicas, before, state, message] of [
  ["all run", [RUNNING, RUNNING], UPDATING, "HEALTHY", ""],
  ["the first ones run", [RUNNING, STARTING], UPDATING, "UPDATING", ""],
  ["one waits", [RUNNING, WAITING], UPDATING, "UPDATING", "needs 1 num_cpus"],
  ["several wait for the same", [WAITING, WAITING], UPDATING, "UPDATING", "needs 1 num_cpus"],
  ["one has failed at first", [RUNNING, FAILED], UPDATING, "UNHEALTHY", "no model"],
  ["all have failed", [FAILED, FAILED], UPDATING, "DEPLOY_FAILED", "no model"],
  ["all have failed later", [FAILED], HEALTHY, "DEPLOY_FAILED", "no model"],
  ["one crashed", [RUNNING, CRASHED], HEALTHY, "UNHEALTHY", "crashed"],
  ["one starts again", [RUNNING, STARTING], HEALTHY, "UNHEALTHY", "1 of 2 replicas run"],
  ["they are being stopped", [STOPPED, RUNNING], HEALTHY, "HEALTHY", ""],
  ["they were stopped while starting", [STOPPED, STOPPED], UPDATING, "UPDATING", ""],
] as const) {
  test(`a deployment is ${state} when ${what} (was ${before.state})`, () => {
    assert.deepEqual(statusOf(replicas, before), { state, message });
  });
}
