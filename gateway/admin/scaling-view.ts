// How many replicas a deployment is to have and why, as the admin listener tells it.

import { type Controller, type DeploymentConfig, objectiveFault } from "../../controller/index.ts";

export interface ScalingDecisionView {
  /** ISO 8601: the first and the last moment at which this was decided. */
  readonly since: string;
  readonly until: string;
  readonly from: number;
  readonly to: number;
  /** `3 → 5: 412 req/s measured, 96 per replica at 40 ms, 0.8 head-room`. */
  readonly explanation: string;
  readonly fault: string | null;
}

export interface ScalingView {
  readonly application: string;
  readonly deployment: string;
  /** Who says how many replicas there are: load, an external scaler, or num_replicas alone. */
  readonly decided_by: "load" | "external" | "config";
  readonly target_num_replicas: number;
  readonly running_replicas: number;
  /** Null where load does not decide. */
  readonly min_replicas: number | null;
  readonly max_replicas: number | null;
  /** `slo`, `ray`, `knative`, `hpa`, or the module of one's own. */
  readonly policy: string | null;
  /** Whose policy that is: the application's decides for several deployments together. */
  readonly policy_of: "deployment" | "application" | null;
  readonly latency_slo_ms: number | null;
  readonly external_scaler_enabled: boolean;
  /** Why the target is what it is now; null before the first decision, and where nobody has ever decided. */
  readonly explanation: string | null;
  /** What is wrong with the last decision, or with the objective; null when nothing is. */
  readonly fault: string | null;
  /** The newest first; a bounded number. */
  readonly decisions: readonly ScalingDecisionView[];
}

/** Undefined when there is no such deployment in such an application. */
export function scalingView(
  controller: Controller,
  application: string,
  deployment: string,
): ScalingView | undefined {
  const owner = controller.config.applications.find(({ name }) => name === application);
  const config = owner?.deployments.find(({ name }) => name === deployment);
  const live = controller.deployment(deployment);
  if (owner === undefined || config === undefined || live === undefined) return undefined;
  const status = controller.scalingStatus(deployment);
  const { scaling, latencySloMs } = config;
  return {
    application,
    deployment,
    decided_by: status?.decidedBy ?? "config",
    target_num_replicas: live.desired.numReplicas,
    running_replicas: live.replicas.filter(({ view }) => view.phase.kind === "RUNNING").length,
    min_replicas: scaling?.minReplicas ?? null,
    max_replicas: scaling?.maxReplicas ?? null,
    policy: scaling === undefined ? null : policyName(scaling),
    policy_of: scaling === undefined ? null : scopeOf(scaling),
    latency_slo_ms: latencySloMs ?? null,
    external_scaler_enabled: owner.externalScaler === true,
    explanation: status?.explanation ?? null,
    fault: status?.fault ?? objectiveFault(config, live.loads.values()) ?? null,
    decisions: (status?.decisions ?? []).map(({ sinceMs, untilMs, from, to, explanation, fault }) => ({
      since: timeOf(sinceMs),
      until: timeOf(untilMs),
      from,
      to,
      explanation,
      fault: fault ?? null,
    })),
  };
}

function policyName({ policy }: NonNullable<DeploymentConfig["scaling"]>): string {
  if (typeof policy === "string") return policy;
  return policy.exportName === undefined ? policy.path : `${policy.path}:${policy.exportName}`;
}

function scopeOf({ policy }: NonNullable<DeploymentConfig["scaling"]>): "deployment" | "application" {
  return typeof policy === "string" ? "deployment" : policy.scope;
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
