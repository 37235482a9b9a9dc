// `autoscaling_policy` of an application: what it decides about, and what is refused beside it, with its place.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeConfig, toFileForm } from "../../../controller/config/index.ts";
import { formatFault } from "../../../runtime/base/config/index.ts";

const SHARED = "autoscaling_policy: { policy_function: ./rules/scale.ts:decide }";
const BOUNDS = "autoscaling_config: { max_replicas: 4 }";

function outcomeOf(...lines: string[]) {
  const text = ["applications:", `  - ${SHARED}`, ...lines.map((line) => `    ${line}`)].join("\n");
  return decodeConfig(text, { file: "/srv/s.yaml" });
}

function faultsOf(...lines: string[]): string[] {
  const outcome = outcomeOf(...lines);
  return outcome.kind === "ok" ? [] : outcome.faults.map(formatFault);
}

test("it decides about all that have bounds, and about no other; the file form says so again", () => {
  const outcome = outcomeOf(
    "deployments:",
    `  - { name: a, model: a.onnx, ${BOUNDS} }`,
    "  - { name: b, model: b.onnx, num_replicas: auto, autoscaling_config: { latency_slo_ms: 50 } }",
    "  - { name: c, model: c.onnx, num_replicas: 2 }",
  );
  assert(outcome.kind === "ok", JSON.stringify(outcome));
  const [application] = outcome.value.applications;
  const shared = { scope: "application", path: "/srv/rules/scale.ts", exportName: "decide" };
  assert.deepEqual(application?.autoscalingPolicy, shared);
  assert.deepEqual(
    application?.deployments.map(({ scaling }) => scaling?.policy),
    [shared, shared, undefined],
  );
  const form = toFileForm(outcome.value);
  assert.deepEqual(form.applications[0]?.autoscaling_policy, {
    policy_function: "/srv/rules/scale.ts:decide",
  });
  assert.deepEqual(decodeConfig(JSON.stringify(form), { file: "/x/s.json" }), outcome);
});

describe("what is refused", () => {
  test("a deployment's own policy beside it, one of ours too", () => {
    assert.deepEqual(
      faultsOf(
        "deployments:",
        "  - { name: a, model: a.onnx, autoscaling_config: { max_replicas: 4, policy: ray } }",
        `  - { name: b, model: b.onnx, autoscaling_config: { max_replicas: 4, policy: "./b.ts" } }`,
      ),
      [
        `/srv/s.yaml:4:82: found "ray" beside the application's autoscaling_policy at applications[0].deployments[0].autoscaling_config.policy, wanted one policy that decides`,
        `/srv/s.yaml:5:82: found "./b.ts" beside the application's autoscaling_policy at applications[0].deployments[1].autoscaling_config.policy, wanted one policy that decides`,
      ],
    );
  });

  test("nothing to decide about", () => {
    const wanted =
      "wanted a deployment with num_replicas: auto, or with bounds of replicas in autoscaling_config";
    for (const more of ["num_replicas: 2", "autoscaling_config: { latency_slo_ms: 9 }"]) {
      assert.deepEqual(faultsOf(`deployments: [{ name: a, model: a.onnx, ${more} }]`), [
        `/srv/s.yaml:2:5: found a policy with nothing to decide about at applications[0].autoscaling_policy, ${wanted}`,
      ]);
    }
  });

  test("what is no function of a module", () => {
    const outcome = decodeConfig(
      JSON.stringify({
        applications: [
          {
            autoscaling_policy: { policy_function: "slo" },
            deployments: [{ name: "a", model: "a.onnx", num_replicas: "auto" }],
          },
        ],
      }),
      { file: "s.json" },
    );
    assert.deepEqual(outcome.kind === "ok" ? [] : outcome.faults.map(formatFault), [
      's.json:1:59: found "slo" at applications[0].autoscaling_policy.policy_function, wanted a function of a module such as "./scale.ts:decide"',
    ]);
  });

  test("somebody from outside who decides as well", () => {
    assert.match(
      faultsOf("external_scaler_enabled: true", `deployments: [{ name: a, model: a.onnx, ${BOUNDS} }]`).join(
        "\n",
      ),
      /^\/srv\/s\.yaml:4:81: found bounds of replicas beside external_scaler_enabled/,
    );
  });
});
