import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig } from "../../../controller/index.ts";
import {
  type DesiredDeployment,
  FIRST_MEMORY,
  plan,
  type PlannedStatus,
  revisionOf,
} from "../../../controller/reconcile/index.ts";
import { versionView } from "../../../controller/traffic/index.ts";

function desiredOf(version: string): DesiredDeployment {
  const deployments = [{ name: "net", model: "net.onnx", version }];
  const decoded = decodeConfig(JSON.stringify({ applications: [{ deployments }] }), {
    file: "/srv/shoal.json",
  });
  assert(decoded.kind === "ok");
  const config = decoded.value.applications[0]?.deployments[0];
  assert(config !== undefined);
  const { numReplicas, rollout } = config;
  const revision = revisionOf(config);
  return { name: "net", revision, numReplicas, scaledBy: "config", generation: 1, rollout, deleting: false };
}

const ONE = desiredOf("1");
const TWO = desiredOf("2");
const planned = plan(ONE, { replicas: [], memory: FIRST_MEMORY }, 0).status;
const well: PlannedStatus = { ...planned, state: "HEALTHY", message: "", takesRequests: true };

test("a deployment is healthy, or given up, only in what was planned for the version that is wanted", () => {
  const { healthy, failed, key } = versionView({ ready: true, planned: well, desired: ONE });
  assert.deepEqual([healthy, failed], [true, false]);
  const changed = versionView({ ready: true, planned: well, desired: TWO });
  assert.deepEqual([changed.healthy, changed.failed, changed.key === key], [false, false, false]);
  const lost: PlannedStatus = {
    ...well,
    state: "DEPLOY_FAILED",
    message: "no weights",
    takesRequests: false,
  };
  const over = versionView({ ready: false, planned: lost, desired: ONE });
  assert.deepEqual([over.healthy, over.failed, over.message], [false, true, "no weights"]);
  assert.equal(versionView({ ready: false, planned: lost, desired: TWO }).failed, false);
});

test("one that was rolled back by itself serves on: it is not given up", () => {
  const rolledBack: PlannedStatus = { ...well, state: "DEPLOY_FAILED", message: "rolled back" };
  const { healthy, failed, ready } = versionView({ ready: true, planned: rolledBack, desired: ONE });
  assert.deepEqual([healthy, failed, ready], [false, false, true]);
});

test("before its first plan it is neither", () => {
  const { healthy, failed, message } = versionView({ ready: false, planned: undefined, desired: ONE });
  assert.deepEqual([healthy, failed, message], [false, false, ""]);
});
