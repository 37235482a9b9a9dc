// What the deployments make of their application.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applicationStatus,
  type DeploymentState,
  type PlannedStatus,
} from "../../../controller/reconcile/index.ts";
import { desire, revision } from "./support.ts";
import { World } from "./world.ts";

const { status: STATUS } = new World(desire(revision("a"))).planned;

function stateOf(states: readonly (DeploymentState | undefined)[], deleting = false) {
  const deployments = new Map(
    states.map((state, index): [string, PlannedStatus | undefined] => {
      return [`d${index}`, state && { ...STATUS, state, message: state === "HEALTHY" ? "" : `is ${state}` }];
    }),
  );
  return applicationStatus({ deleting, deployments });
}

for (const [states, state, message] of [
  [[], "NOT_STARTED", ""],
  [[undefined], "NOT_STARTED", ""],
  [["HEALTHY", undefined], "DEPLOYING", ""],
  [["HEALTHY", "UPDATING"], "DEPLOYING", "d1: is UPDATING"],
  [["HEALTHY", "UPSCALING", "DOWNSCALING"], "RUNNING", ""],
  [["UPDATING", "UNHEALTHY"], "UNHEALTHY", "d1: is UNHEALTHY"],
  [
    ["UNHEALTHY", "DEPLOY_FAILED", "DEPLOY_FAILED"],
    "DEPLOY_FAILED",
    "d1: is DEPLOY_FAILED; d2: is DEPLOY_FAILED",
  ],
] as const) {
  test(`an application of [${states.join(", ")}] is ${state}`, () => {
    assert.deepEqual(stateOf(states), { state, message });
  });
}

test("one that is being deleted is DELETING, whatever its deployments are", () => {
  assert.equal(stateOf(["DEPLOY_FAILED", "HEALTHY"], true).state, "DELETING");
  assert.equal(stateOf([], true).state, "DELETING");
});
