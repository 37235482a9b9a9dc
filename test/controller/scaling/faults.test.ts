// What fails while the number of replicas of one deployment is decided: told with it, and the others are decided all the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScalingDecision, ScalingSnapshot } from "../../../controller/autoscale/index.ts";
import { decodeConfig, type DeploymentConfig } from "../../../controller/config/index.ts";
import type { ScaledDeployment } from "../../../controller/scaling/scaler.ts";
import { Scaling } from "../../../controller/scaling/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";

type Decide = (snapshot: ScalingSnapshot) => ScalingDecision;

function configs(): readonly DeploymentConfig[] {
  const scaled = { model: "net.onnx", autoscaling_config: { min_replicas: 1, max_replicas: 5 } };
  const text = JSON.stringify({
    applications: [{ deployments: ["bad", "good"].map((name) => ({ name, ...scaled })) }],
  });
  const decoded = decodeConfig(text, { file: "/srv/shoal.json" });
  assert(decoded.kind === "ok");
  return decoded.value.applications[0]?.deployments ?? [];
}

/** The deployment `bad` decides by `decide`; `good` wants one more each time. */
function rig(decide: Decide, look?: (name: string) => ScaledDeployment) {
  const clock = new FakeClock();
  const told: string[] = [];
  const policies: Record<string, Decide> = {
    bad: decide,
    good: ({ target, nowMs }) => ({ target: target + 1, explanation: "one more", reviewAtMs: nowMs }),
  };
  const known = new Map(configs().map((config) => [config.name, config]));
  const scaling = new Scaling({
    clock,
    log: silentLog,
    look: (name) => {
      const config = known.get(name);
      return look?.(name) ?? (config && { name, config, replicas: [], loads: new Map() });
    },
    onTarget: (name, replicas) => told.push(`${name} ${replicas}`),
    policyOf: ({ deployment }) => ({
      policy: { name: "slo", decide: policies[deployment] ?? decide },
      [Symbol.asyncDispose]: async () => undefined,
    }),
  });
  for (const config of known.values()) scaling.replicasFor(config, { application: "default" });
  return { clock, scaling, told };
}

const explanation = "";
for (const [name, decide, said] of [
  [
    "throws",
    () => {
      throw new Error("no such window");
    },
    "failed: no such window",
  ],
  [
    "answers NaN",
    () => ({ target: Number.NaN, explanation, reviewAtMs: 0 }),
    "answered NaN, 1 to 5 was wanted",
  ],
  [
    "answers a fraction",
    () => ({ target: 1.5, explanation, reviewAtMs: 0 }),
    "answered 1.5, 1 to 5 was wanted",
  ],
  ["leaves its bounds", () => ({ target: 6, explanation, reviewAtMs: 0 }), "answered 6, 1 to 5 was wanted"],
] satisfies [string, Decide, string][]) {
  test(`a policy of ours that ${name} keeps its deployment's target, and stops no other (invariant 3)`, async () => {
    const { clock, scaling, told } = rig(decide);
    clock.advance(350);
    assert.deepEqual(told, ["good 2", "good 3", "good 4"]);
    const status = scaling.status("bad");
    assert.deepEqual([status?.target, status?.fault], [1, `The policy slo ${said}`]);
    assert.equal(status?.explanation, `1: kept, since the policy slo ${said}`);
    assert.equal(status.decisions.length, 1, "it is asked again only later");
    assert.equal(scaling.status("good")?.fault, undefined);
    await scaling.stop();
    assert.equal(clock.pending, 0);
  });
}

test("a policy of ours that works again decides again, and nothing is wrong any more", async () => {
  let works = false;
  const { clock, scaling, told } = rig(({ nowMs }) => {
    if (!works) throw new Error("not now");
    return { target: 3, explanation: "1 → 3", reviewAtMs: nowMs + 60_000 };
  });
  clock.advance(200);
  works = true;
  clock.advance(1_100);
  assert(told.includes("bad 3"));
  assert.equal(scaling.status("bad")?.fault, undefined);
  await scaling.stop();
});

test("a deployment that cannot be looked at is told as such, once, and the others go on", async () => {
  let broken = true;
  const [config] = configs();
  assert(config !== undefined);
  const { clock, scaling, told } = rig(
    ({ nowMs }) => ({ target: 2, explanation: "1 → 2", reviewAtMs: nowMs + 1_000 }),
    (name) => {
      if (name === "bad" && broken) throw new Error("no figures");
      return { name, config: { ...config, name }, replicas: [], loads: new Map() };
    },
  );
  clock.advance(250);
  assert.deepEqual(told, ["good 2", "good 3"]);
  assert.equal(scaling.status("bad")?.fault, "How many replicas it needs cannot be decided now: no figures");
  broken = false;
  clock.advance(100);
  assert.deepEqual(told, ["good 2", "good 3", "bad 2", "good 4"]);
  assert.equal(scaling.status("bad")?.fault, undefined);
  await scaling.stop();
});
