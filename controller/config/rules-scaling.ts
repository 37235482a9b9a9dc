// What no schema can say of `autoscaling_config`, and of numbers of replicas that come from outside.

import {
  type Field,
  fieldOf,
  numberOf,
  quote,
  type Report,
  scalarOf,
  stringOf,
} from "../../runtime/base/config/index.ts";
import { builtInPolicy, isScaled } from "./scaling.ts";
import { SCALING_POLICIES } from "./schema-scaling.ts";
import { hasEnding, MODULE_ENDINGS, parseModuleReference } from "./source-path.ts";

/** Loads are kept for a quarter of an hour (`controller/autoscale`). */
const LONGEST_LOOK_BACK_S = 900;

export function scalingRule(deployment: Field, report: Report): void {
  const scaling = fieldOf(deployment, "autoscaling_config");
  if (scaling === undefined) return;
  countRule(deployment, scaling, report);
  boundsRule(scaling, report);
  policyRule(scaling, report);
  lookBackRule(scaling, report);
}

/** One of the two says how many replicas there are: load, or who asks from outside. */
export function externalScalerRule(application: Field, deployments: readonly Field[], report: Report): void {
  if (scalarOf(fieldOf(application, "external_scaler_enabled")) !== true) return;
  for (const deployment of deployments) {
    const replicas = fieldOf(deployment, "num_replicas");
    const scaling = fieldOf(deployment, "autoscaling_config");
    const bound = fieldOf(scaling, "max_replicas") ?? fieldOf(scaling, "min_replicas");
    const auto = replicas !== undefined && scalarOf(replicas) === "auto" ? replicas : undefined;
    const at = bound ?? auto;
    if (at === undefined) continue;
    const found =
      at === auto
        ? "num_replicas: auto beside external_scaler_enabled"
        : "bounds of replicas beside external_scaler_enabled";
    report(at, { found, wanted: "one of the two: load decides, or who asks from outside" });
  }
}

/** A rule for all of them needs some that load decides about, and is the only one that they have. */
export function applicationPolicyRule(
  application: Field,
  deployments: readonly Field[],
  report: Report,
): void {
  const shared = fieldOf(application, "autoscaling_policy");
  if (shared === undefined) return;
  const reference = fieldOf(shared, "policy_function");
  const name = stringOf(reference);
  if (reference !== undefined && name !== undefined && !isFunction(name)) {
    report(reference, { found: quote(name), wanted: 'a function of a module such as "./scale.ts:decide"' });
  }
  for (const deployment of deployments) {
    const own = fieldOf(fieldOf(deployment, "autoscaling_config"), "policy");
    if (own === undefined) continue;
    const found = `${quote(stringOf(own) ?? "")} beside the application's autoscaling_policy`;
    report(own, { found, wanted: "one policy that decides" });
  }
  if (deployments.some(isScaledField)) return;
  const wanted = "a deployment with num_replicas: auto, or with bounds of replicas in autoscaling_config";
  report(shared, { found: "a policy with nothing to decide about", wanted, at: "key" });
}

function isFunction(reference: string): boolean {
  return hasEnding(parseModuleReference(reference).path, MODULE_ENDINGS);
}

function isScaledField(deployment: Field): boolean {
  const replicas = scalarOf(fieldOf(deployment, "num_replicas")) === "auto" ? "auto" : undefined;
  const scaling = fieldOf(deployment, "autoscaling_config");
  const bounds = ["min_replicas", "max_replicas"].filter((key) => fieldOf(scaling, key) !== undefined);
  return isScaled(replicas, Object.fromEntries(bounds.map((key) => [key, 1])));
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

/** What is averaged over must be kept. */
function lookBackRule(scaling: Field, report: Report): void {
  const lookBack = fieldOf(scaling, "look_back_period_s");
  const seconds = numberOf(lookBack);
  if (lookBack === undefined || seconds === undefined || (seconds > 0 && seconds <= LONGEST_LOOK_BACK_S))
    return;
  const wanted = `seconds above 0, at most ${LONGEST_LOOK_BACK_S}`;
  report(lookBack, { found: String(seconds), wanted });
}

function policyRule(scaling: Field, report: Report): void {
  const policy = fieldOf(scaling, "policy");
  const name = stringOf(policy);
  if (policy === undefined || name === undefined) return;
  if (name === "slo" && fieldOf(scaling, "latency_slo_ms") === undefined) {
    report(policy, { found: "slo without latency_slo_ms", wanted: "latency_slo_ms beside it" });
  }
  const min = fieldOf(scaling, "min_replicas");
  if (name === "hpa" && min !== undefined && numberOf(min) === 0) {
    report(min, { found: "0 with policy hpa", wanted: "at least 1: this rule does not start from none" });
  }
  if (builtInPolicy(name) === undefined && !isFunction(name)) {
    const wanted = `one of ${SCALING_POLICIES.join(", ")}, or a module such as "./scale.ts:decide"`;
    report(policy, { found: quote(name), wanted });
  }
}
