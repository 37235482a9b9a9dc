// `autoscaling_config` of the file ⇄ what the controller goes by.
//
// 1. Load decides when a bound of replicas is given, or `num_replicas` is `auto`; an objective alone does not mean that.

import { pathToFileURL } from "node:url";
import type { AutoscalingFile, AutoscalingPolicyFile } from "./schema-scaling.ts";
import { AUTO_MAX_REPLICAS, SCALING_POLICIES } from "./schema-scaling.ts";
import { parseModuleReference, resolvePath } from "./source-path.ts";
import type { PolicySource, ScalingConfig } from "./types-scaling.ts";

/** Whether load is to decide (invariant 1). */
export function isScaled(numReplicas: number | "auto" | undefined, file: AutoscalingFile = {}): boolean {
  return numReplicas === "auto" || file.min_replicas !== undefined || file.max_replicas !== undefined;
}

interface ScalingSurroundings {
  readonly isAuto: boolean;
  /** Absolute; what relative paths start from. */
  readonly directory: string;
  /** The application's policy; undefined when it has none. */
  readonly shared: PolicySource | undefined;
}

export function scalingOf(
  file: AutoscalingFile,
  { isAuto, directory, shared }: ScalingSurroundings,
): ScalingConfig {
  const minReplicas = file.min_replicas ?? 1;
  const maxReplicas = file.max_replicas ?? (isAuto ? AUTO_MAX_REPLICAS : Math.max(1, minReplicas));
  return {
    minReplicas,
    maxReplicas,
    initialReplicas: file.initial_replicas ?? minReplicas,
    policy: shared ?? policyOf(file, directory),
    ...given("targetOngoingRequests", file.target_ongoing_requests),
    ...given("attainment", file.slo_attainment),
    ...given("keepAliveMs", ms(file.keep_alive_s)),
    ...given("metricsIntervalMs", ms(file.metrics_interval_s)),
    ...given("lookBackPeriodMs", ms(file.look_back_period_s)),
    ...given("aggregationFunction", file.aggregation_function),
    ...given("upscaleDelayMs", ms(file.upscale_delay_s)),
    ...given("downscaleDelayMs", ms(file.downscale_delay_s)),
    ...given("downscaleToZeroDelayMs", ms(file.downscale_to_zero_delay_s)),
    ...given("upscalingFactor", file.upscaling_factor),
    ...given("downscalingFactor", file.downscaling_factor),
  };
}

/** As a file would have it. */
export function scalingForm(scaling: ScalingConfig): AutoscalingFile {
  return {
    min_replicas: scaling.minReplicas,
    max_replicas: scaling.maxReplicas,
    initial_replicas: scaling.initialReplicas,
    ...policyForm(scaling.policy),
    ...given("target_ongoing_requests", scaling.targetOngoingRequests),
    ...given("slo_attainment", scaling.attainment),
    ...given("keep_alive_s", seconds(scaling.keepAliveMs)),
    ...given("metrics_interval_s", seconds(scaling.metricsIntervalMs)),
    ...given("look_back_period_s", seconds(scaling.lookBackPeriodMs)),
    ...given("aggregation_function", scaling.aggregationFunction),
    ...given("upscale_delay_s", seconds(scaling.upscaleDelayMs)),
    ...given("downscale_delay_s", seconds(scaling.downscaleDelayMs)),
    ...given("downscale_to_zero_delay_s", seconds(scaling.downscaleToZeroDelayMs)),
    ...given("upscaling_factor", scaling.upscalingFactor),
    ...given("downscaling_factor", scaling.downscalingFactor),
  };
}

/** One of ours by its name; undefined for anything else. */
export function builtInPolicy(name: string): (typeof SCALING_POLICIES)[number] | undefined {
  return SCALING_POLICIES.find((policy) => policy === name);
}

export function autoscalingPolicyOf(file: AutoscalingPolicyFile, directory: string): PolicySource {
  return { scope: "application", ...functionOf(file.policy_function, directory) };
}

/** As a file would have it. */
export function autoscalingPolicyForm(source: PolicySource): AutoscalingPolicyFile {
  return { policy_function: referenceOf(source) };
}

/** The URL of the user's module. */
export function policyUrl({ path }: PolicySource): string {
  return pathToFileURL(path).href;
}

function policyOf(file: AutoscalingFile, directory: string): ScalingConfig["policy"] {
  if (file.policy === undefined) return file.latency_slo_ms === undefined ? "ray" : "slo";
  const builtIn = builtInPolicy(file.policy);
  if (builtIn !== undefined) return builtIn;
  return { scope: "deployment", ...functionOf(file.policy, directory) };
}

function functionOf(reference: string, directory: string): Omit<PolicySource, "scope"> {
  const { path, exportName } = parseModuleReference(reference);
  return { path: resolvePath(directory, path), exportName };
}

/** The application's is told with the application. */
function policyForm(policy: ScalingConfig["policy"]): AutoscalingFile {
  if (typeof policy === "string") return { policy };
  return policy.scope === "application" ? {} : { policy: referenceOf(policy) };
}

function referenceOf({ path, exportName }: PolicySource): string {
  return exportName === undefined ? path : `${path}:${exportName}`;
}

function ms(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1e9) / 1e6;
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value / 1_000;
}

/** What is absent stays absent. */
function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value };
function given(key: string, value: unknown): object {
  return value === undefined ? {} : { [key]: value };
}
