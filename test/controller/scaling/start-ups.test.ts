// The start-ups that a policy is told of: each replica's once, whatever becomes of it later.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig } from "../../../controller/config/index.ts";
import type { ObservedReplica } from "../../../controller/reconcile/index.ts";
import { Scaler } from "../../../controller/scaling/scaler.ts";

test("a replica that took a new configuration has not started again", () => {
  const deployment = {
    name: "net",
    model: "net.onnx",
    autoscaling_config: { min_replicas: 1, max_replicas: 5 },
  };
  const text = JSON.stringify({ applications: [{ deployments: [deployment] }] });
  const decoded = decodeConfig(text, { file: "/srv/shoal.json" });
  assert(decoded.kind === "ok");
  const [config] = decoded.value.applications[0]?.deployments ?? [];
  assert(config?.scaling !== undefined);

  let startUpMs = Number.NaN;
  const scaler = new Scaler({
    application: "default",
    config,
    scaling: config.scaling,
    wake: () => undefined,
    start: () => ({
      policy: {
        name: "slo",
        decide: (snapshot) => {
          ({ startUpMs } = snapshot);
          return { target: 2, explanation: "", reviewAtMs: snapshot.nowMs };
        },
      },
      [Symbol.asyncDispose]: async () => undefined,
    }),
  });
  const revision = {} as ObservedReplica["revision"];
  let nowMs = 20_000;
  const look = (kind: "RUNNING" | "UPDATING"): void => {
    const views: ObservedReplica[] = [
      { id: "quick", revision, startedMs: 0, phase: { kind, sinceMs: 1_000, configuredMs: nowMs } },
      {
        id: "slow",
        revision,
        startedMs: 0,
        phase: { kind: "RUNNING", sinceMs: 10_000, configuredMs: 10_000 },
      },
    ];
    nowMs += 100;
    const replicas = views.map((view) => ({ view }));
    scaler.look({ name: "net", config, replicas, loads: new Map() }, { nowMs, epochMs: nowMs });
  };
  look("RUNNING");
  assert.equal(startUpMs, 10_000);
  for (let times = 0; times < 20; times++) for (const kind of ["UPDATING", "RUNNING"] as const) look(kind);
  assert.equal(startUpMs, 10_000);
});
