// What is said of an application whose release has failed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { leftBehind } from "../../cli/left-behind.ts";
import type { ApplicationStatusView, DeploymentStatusView } from "../../gateway/index.ts";

function deployment(name: string, status: string, serving: string | null): DeploymentStatusView {
  return {
    name,
    status,
    status_trigger: "AUTOSCALING",
    message: "",
    target_num_replicas: 1,
    scaling_fault: null,
    queued_requests: 0,
    open_requests: 0,
    versions: { serving, wanted: "new" },
    log_lines: [],
    replicas: [],
  };
}

function said(outcome: "running" | "failed" | "deploying", ...all: DeploymentStatusView[]) {
  const application: ApplicationStatusView = {
    name: "app",
    route_prefix: "/",
    status: "",
    message: "",
    release: {
      application: "app",
      release: 3,
      at: "",
      author: "",
      source: "",
      outcome,
      reason: "",
      rollback: null,
    },
    deployments: Object.fromEntries(all.map((one) => [one.name, one])),
  };
  return leftBehind(application);
}

test("which deployments serve the former release, which the failed one, and how to take it back", () => {
  const [old, other] = [deployment("a", "DEPLOY_FAILED", "old"), deployment("b", "DEPLOY_FAILED", "old")];
  const fresh = deployment("c", "HEALTHY", "new");
  assert.equal(
    said("failed", old, fresh),
    'a serves what ran before, but c what release 3 says; "shoal serve rollback app" takes back all of it',
  );
  assert.equal(
    said("failed", old, other),
    'a and b serve what ran before; "shoal serve rollback app" makes that what is wanted',
  );
});

test("nothing is said of what runs, is on its way, or never ran", () => {
  const fresh = deployment("c", "HEALTHY", "new");
  assert.equal(said("running", fresh), undefined);
  assert.equal(said("deploying", deployment("a", "DEPLOY_FAILED", "old")), undefined);
  assert.equal(said("failed", fresh, deployment("a", "DEPLOY_FAILED", null)), undefined);
});
