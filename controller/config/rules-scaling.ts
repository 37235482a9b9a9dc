// What no schema can say of `autoscaling_config`.

import {
  type Field,
  fieldOf,
  numberOf,
  quote,
  type Report,
  scalarOf,
  stringOf,
} from "../../runtime/base/config/index.ts";
import { builtInPolicy } from "./scaling.ts";
import { SCALING_POLICIES } from "./schema-scaling.ts";
import { hasEnding, MODULE_ENDINGS, parseModuleReference } from "./source-path.ts";

export function scalingRule(deployment: Field, report: Report): void {
  const scaling = fieldOf(deployment, "autoscaling_config");
  if (scaling === undefined) return;
  countRule(deployment, scaling, report);
  boundsRule(scaling, report);
  policyRule(scaling, report);
}

/** A number of replicas and bounds of it contradict each other, as in Ray Serve. */
function countRule(deployment: Field, scaling: Field, report: Report): void {
  const replicas = fieldOf(deployment, "num_replicas");
  const bound = fieldOf(scaling, "max_replicas") ?? fieldOf(scaling, "min_replicas");
  if (replicas === undefined || bound === undefined || scalarOf(replicas) === "auto") return;
  const wanted = "auto, or no bounds of replicas in autoscaling_config";
  report(replicas, { found: `${String(scalarOf(replicas))} beside bounds`, wanted });
}

function boundsRule(scaling: Field, report: Report): void {
  const [low, high, first] = ["min_replicas", "max_replicas", "initial_replicas"].map((name) =>
    fieldOf(scaling, name),
  );
  const min = numberOf(low) ?? 1;
  const max = numberOf(high);
  if (low !== undefined && max !== undefined && min > max) {
    report(low, { found: String(min), wanted: `at most max_replicas, ${max}` });
    return;
  }
  const initial = numberOf(first);
  if (first === undefined || initial === undefined) return;
  if (initial < min || (max !== undefined && initial > max)) {
    report(first, { found: String(initial), wanted: `${min} to ${max ?? "max_replicas"}` });
  }
}

function policyRule(scaling: Field, report: Report): void {
  const policy = fieldOf(scaling, "policy");
  const name = stringOf(policy);
  if (policy === undefined || name === undefined) return;
  if (name === "slo" && fieldOf(scaling, "latency_slo_ms") === undefined) {
    report(policy, { found: "slo without latency_slo_ms", wanted: "latency_slo_ms beside it" });
  }
  if (builtInPolicy(name) === undefined && !hasEnding(parseModuleReference(name).path, MODULE_ENDINGS)) {
    const wanted = `one of ${SCALING_POLICIES.join(", ")}, or a module such as "./scale.ts:decide"`;
    report(policy, { found: quote(name), wanted });
  }
}
