// Where replicas go and when one is ejected, as a config says it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig, toFileForm } from "../../../controller/config/index.ts";
import { classify } from "../../../controller/reconcile/index.ts";
import { formatFault } from "../../../runtime/base/config/index.ts";

function decode(deployment: object) {
  const deployments = [{ name: "net", model: "net.onnx", ...deployment }];
  return decodeConfig(JSON.stringify({ applications: [{ deployments }] }), { file: "s.yaml" });
}

function accepted(deployment: object) {
  const outcome = decode(deployment);
  assert(outcome.kind === "ok", JSON.stringify(outcome));
  const again = decodeConfig(JSON.stringify(toFileForm(outcome.value)), { file: "s.yaml" });
  assert.deepEqual(again, outcome, "the file form gives the same config again");
  const config = outcome.value.applications[0]?.deployments[0];
  assert(config);
  return config;
}

function faults(deployment: object): string[] {
  const outcome = decode(deployment);
  return outcome.kind === "ok" ? [] : outcome.faults.map(formatFault);
}

test("bundles have Ray's names; the first one holds the replica", () => {
  const config = accepted({
    resources: { num_cpus: 1, custom: { tpu: 2 } },
    placement_group_bundles: [{ CPU: 1.5, tpu: 2, memory: "1GiB" }, { GPU: 0.5 }],
    placement_group_strategy: "STRICT_PACK",
  });
  assert.deepEqual(config.placementGroup, {
    bundles: [
      { numCpus: 1.5, numGpus: 0, memoryBytes: 2 ** 30, custom: { tpu: 2 } },
      { numCpus: 0, numGpus: 0.5, memoryBytes: 0, custom: {} },
    ],
    strategy: "STRICT_PACK",
  });
  assert.equal(accepted({ placement_group_bundles: [{ CPU: 1 }] }).placementGroup?.strategy, "PACK");
  assert.equal(accepted({ max_replicas_per_node: 3 }).maxReplicasPerNode, 3);
});

test("a replica in its bundles, and its place on nodes, is a matter of new processes; outliers are not", () => {
  const cost = (change: object) => classify(accepted({}), accepted(change)).class;
  assert.equal(cost({ max_replicas_per_node: 2 }), "heavy");
  assert.equal(cost({ placement_group_bundles: [{ CPU: 1 }] }), "heavy");
  assert.equal(cost({ outlier_detection: { consecutive_failures: 3 } }), "light");
});

test("outliers may be turned off; the longest ejection is never below the first", () => {
  assert.equal("outliers" in accepted({ outlier_detection: { enabled: false } }), false);
  const { outliers } = accepted({ outlier_detection: { base_ejection_s: 1_000 } });
  assert.deepEqual([outliers?.baseEjectionMs, outliers?.maxEjectionMs], [1e6, 1e6]);
});

for (const [what, deployment, wanted] of [
  ["no room for a replica on a node", { max_replicas_per_node: 0 }, /max_replicas_per_node.*0/],
  ["too many for a node", { max_replicas_per_node: 101 }, /found 101 .*max_replicas_per_node/],
  ["a strategy of no bundles", { placement_group_strategy: "PACK" }, /wanted placement_group_bundles/],
  ["no bundles", { placement_group_bundles: [] }, /placement_group_bundles/],
  ["a bundle of nothing", { placement_group_bundles: [{ CPU: 1 }, {}] }, /a bundle of nothing/],
  ["our names in a bundle", { placement_group_bundles: [{ CPU: 1, num_cpus: 1 }] }, /wanted CPU, GPU/],
  ["text for units", { placement_group_bundles: [{ CPU: "1B" }] }, /found 1B .*wanted a number of units/],
  ["units too fine", { placement_group_bundles: [{ CPU: 1.00001 }] }, /at most four digits/],
  [
    "a first bundle that is too small",
    { resources: { num_gpus: 1 }, placement_group_bundles: [{ CPU: 1 }] },
    /found 0 GPU in the first bundle .*wanted at least what the replica asks for, 1/,
  ],
  [
    "a bound beside bundles",
    { max_replicas_per_node: 1, placement_group_bundles: [{ CPU: 1 }] },
    /found max_replicas_per_node beside placement_group_bundles .*wanted one of them/,
  ],
  ["a ratio that all are above", { outlier_detection: { max_latency_ratio: 1 } }, /max_latency_ratio/],
  ["an unknown key", { outlier_detection: { failures: 1 } }, /failures/],
] as const) {
  test(`${what} is refused`, () => {
    const found = faults(deployment);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", wanted);
  });
}
