// What of the number of replicas a config may say together: each impossible combination is refused with its place.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeConfig, type DeploymentConfig, toFileForm } from "../../controller/config/index.ts";
import { formatFault } from "../../runtime/base/config/index.ts";

type Outcome = ReturnType<typeof decodeConfig>;

function decode(deployment: object, application: object = {}): Outcome {
  const deployments = [{ name: "net", model: "net.onnx", ...deployment }];
  return decodeConfig(JSON.stringify({ applications: [{ ...application, deployments }] }, null, 1), {
    file: "/srv/shoal.json",
  });
}

function accepted(deployment: object): DeploymentConfig {
  const outcome = decode(deployment);
  assert(outcome.kind === "ok", JSON.stringify(outcome));
  const config = outcome.value.applications[0]?.deployments[0];
  assert(config !== undefined);
  return config;
}

/** Every fault, without its place in the file. */
function faults(outcome: Outcome): string[] {
  if (outcome.kind === "ok") return [];
  return outcome.faults.map((fault) => formatFault(fault).replace(/^\S+:\d+:\d+: /, ""));
}

const under = "at applications[0].deployments[0]";

describe("bounds of replicas", () => {
  const cases: [string, object, string][] = [
    [
      "min above max",
      { autoscaling_config: { min_replicas: 5, max_replicas: 3 } },
      `found 5 ${under}.autoscaling_config.min_replicas, wanted at most max_replicas, 3`,
    ],
    [
      "max below the default min",
      { autoscaling_config: { max_replicas: 0 } },
      `found 0 ${under}.autoscaling_config.max_replicas, wanted a whole number from 1 to 1024`,
    ],
    [
      "initial above max",
      { autoscaling_config: { max_replicas: 3, initial_replicas: 4 } },
      `found 4 ${under}.autoscaling_config.initial_replicas, wanted 1 to 3`,
    ],
    [
      "initial below min",
      { autoscaling_config: { min_replicas: 2, max_replicas: 3, initial_replicas: 1 } },
      `found 1 ${under}.autoscaling_config.initial_replicas, wanted 2 to 3`,
    ],
    [
      "a number beside bounds",
      { num_replicas: 2, autoscaling_config: { max_replicas: 3 } },
      `found 2 beside bounds ${under}.num_replicas, wanted auto, or no bounds of replicas in autoscaling_config`,
    ],
    [
      "a batch above what a replica may have",
      { max_ongoing_requests: 4, batching: { max_batch_size: 8 }, num_replicas: "auto" },
      `found 4 ${under}.max_ongoing_requests, wanted at least batching.max_batch_size, 8`,
    ],
  ];
  for (const [name, deployment, fault] of cases) {
    test(`${name} is refused`, () => {
      assert.deepEqual(faults(decode(deployment)), [fault]);
    });
  }

  test("auto is from 1 to 100 as in Ray Serve; a bound alone means that load decides; an objective alone does not", () => {
    const auto = accepted({ num_replicas: "auto" }).scaling;
    assert.deepEqual([auto?.minReplicas, auto?.maxReplicas, auto?.policy], [1, 100, "ray"]);
    const bound = accepted({ autoscaling_config: { min_replicas: 0, max_replicas: 4, latency_slo_ms: 9 } });
    assert.deepEqual([bound.numReplicas, bound.scaling?.policy], [0, "slo"]);
    const fixed = accepted({ num_replicas: 3, autoscaling_config: { latency_slo_ms: 9 } });
    assert.deepEqual([fixed.numReplicas, fixed.scaling, fixed.latencySloMs], [3, undefined, 9]);
  });
});

describe("the policy", () => {
  const path = `${under}.autoscaling_config`;
  const cases: [string, object, string][] = [
    [
      "slo without an objective",
      { policy: "slo" },
      `found slo without latency_slo_ms ${path}.policy, wanted latency_slo_ms beside it`,
    ],
    [
      "one that nobody has",
      { policy: "magic" },
      `found "magic" ${path}.policy, wanted one of slo, ray, knative, hpa, or a module such as "./scale.ts:decide"`,
    ],
    [
      "an objective of 0",
      { latency_slo_ms: 0 },
      `found 0 ${path}.latency_slo_ms, wanted milliseconds above 0`,
    ],
    [
      "hpa from none",
      { policy: "hpa", min_replicas: 0 },
      `found 0 with policy hpa ${path}.min_replicas, wanted at least 1: this rule does not start from none`,
    ],
    [
      "a look-back longer than loads are kept",
      { policy: "ray", look_back_period_s: 901 },
      `found 901 ${path}.look_back_period_s, wanted seconds above 0, at most 900`,
    ],
    [
      "a look-back of nothing",
      { policy: "ray", look_back_period_s: 0 },
      `found 0 ${path}.look_back_period_s, wanted seconds above 0, at most 900`,
    ],
  ];
  for (const [name, scaling, fault] of cases) {
    test(`${name} is refused`, () => {
      assert.deepEqual(faults(decode({ num_replicas: "auto", autoscaling_config: scaling })), [fault]);
    });
  }

  test("a function of a module is found beside the file, its name behind a colon", () => {
    const config = accepted({ num_replicas: "auto", autoscaling_config: { policy: "./scale.ts:decide" } });
    assert.deepEqual(config.scaling?.policy, {
      scope: "deployment",
      path: "/srv/scale.ts",
      exportName: "decide",
    });
  });
});

describe("an external scaler", () => {
  const enabled = { external_scaler_enabled: true };
  test("is refused beside bounds, and beside auto", () => {
    const wanted = "wanted one of the two: load decides, or who asks from outside";
    const bounds = decode({ autoscaling_config: { max_replicas: 3 } }, enabled);
    const which = `found bounds of replicas beside external_scaler_enabled`;
    assert.deepEqual(faults(bounds), [`${which} ${under}.autoscaling_config.max_replicas, ${wanted}`]);
    const auto = decode({ num_replicas: "auto" }, enabled);
    const what = `found num_replicas: auto beside external_scaler_enabled`;
    assert.deepEqual(faults(auto), [`${what} ${under}.num_replicas, ${wanted}`]);
  });

  test("is allowed beside a number and an objective, and comes back in the file's form", () => {
    const outcome = decode({ num_replicas: 2, autoscaling_config: { latency_slo_ms: 50 } }, enabled);
    assert(outcome.kind === "ok");
    assert.equal(outcome.value.applications[0]?.externalScaler, true);
    const form = toFileForm(outcome.value);
    assert.equal(form.applications[0]?.external_scaler_enabled, true);
    const again = decodeConfig(JSON.stringify(form), { file: "/srv/shoal.json" });
    assert(again.kind === "ok");
    assert.deepEqual(again.value, outcome.value);
  });

  test("false is as if it were not there", () => {
    const outcome = decode({ num_replicas: "auto" }, { external_scaler_enabled: false });
    assert(outcome.kind === "ok");
    assert.equal(outcome.value.applications[0]?.externalScaler, undefined);
  });
});
