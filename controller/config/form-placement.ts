// Placement and outliers of a deployment, from the form of the file to the one that the rest works with, and back.

import { DEFAULTS } from "./defaults.ts";
import type { DeploymentFile } from "./schema-deployment.ts";
import { parseBytes } from "./schema-values.ts";
import type { DeploymentConfig } from "./types.ts";
import type { BundleConfig, OutlierConfig } from "./types-placement.ts";

type PlacementConfig = Pick<DeploymentConfig, "maxReplicasPerNode" | "placementGroup" | "outliers">;
type PlacementFile = Pick<
  DeploymentFile,
  "max_replicas_per_node" | "placement_group_bundles" | "placement_group_strategy" | "outlier_detection"
>;
type BundleFile = NonNullable<DeploymentFile["placement_group_bundles"]>[number];

/** What is absent stays absent; outliers are there unless they are turned off. */
export function placementOf(file: PlacementFile): PlacementConfig {
  const { max_replicas_per_node: most, placement_group_bundles: bundles } = file;
  const strategy = file.placement_group_strategy ?? DEFAULTS.placement_group_strategy;
  const outliers = outliersOf(file.outlier_detection ?? {});
  return {
    ...(most === undefined ? {} : { maxReplicasPerNode: most }),
    ...(bundles === undefined ? {} : { placementGroup: { bundles: bundles.map(bundleOf), strategy } }),
    ...(outliers === undefined ? {} : { outliers }),
  };
}

/** Every default spelled out; decoding it gives the same config again. */
export function placementForm(config: PlacementConfig): PlacementFile {
  const { maxReplicasPerNode: most, placementGroup: group, outliers } = config;
  return {
    ...(most === undefined ? {} : { max_replicas_per_node: most }),
    ...(group === undefined
      ? {}
      : {
          placement_group_bundles: group.bundles.map(bundleForm),
          placement_group_strategy: group.strategy,
        }),
    outlier_detection: outliers === undefined ? { enabled: false } : outliersForm(outliers),
  };
}

function bundleOf({ CPU, GPU, memory, ...custom }: BundleFile): BundleConfig {
  return {
    numCpus: Number(CPU ?? 0),
    numGpus: Number(GPU ?? 0),
    memoryBytes: parseBytes(memory ?? 0),
    custom: Object.fromEntries(Object.entries(custom).map(([name, units]) => [name, Number(units)])),
  };
}

function bundleForm({ numCpus, numGpus, memoryBytes, custom }: BundleConfig): BundleFile {
  return {
    ...custom,
    ...(numCpus === 0 ? {} : { CPU: numCpus }),
    ...(numGpus === 0 ? {} : { GPU: numGpus }),
    ...(memoryBytes === 0 ? {} : { memory: memoryBytes }),
  };
}

function outliersOf(file: NonNullable<PlacementFile["outlier_detection"]>): OutlierConfig | undefined {
  const filled = { ...DEFAULTS.outliers, ...file };
  if (!filled.enabled) return undefined;
  const baseEjectionMs = Math.round(filled.base_ejection_s * 1e9) / 1e6;
  return {
    consecutiveFailures: filled.consecutive_failures,
    minResults: filled.min_requests,
    maxLatencyRatio: filled.max_latency_ratio,
    baseEjectionMs,
    // Raised alone, the first one is the longest.
    maxEjectionMs: Math.max(baseEjectionMs, Math.round(filled.max_ejection_s * 1e9) / 1e6),
    maxEjectedShare: filled.max_ejected_share,
    replaceAfter: filled.replace_after,
  };
}

function outliersForm(outliers: OutlierConfig): NonNullable<PlacementFile["outlier_detection"]> {
  return {
    enabled: true,
    consecutive_failures: outliers.consecutiveFailures,
    min_requests: outliers.minResults,
    max_latency_ratio: outliers.maxLatencyRatio,
    base_ejection_s: outliers.baseEjectionMs / 1000,
    max_ejection_s: outliers.maxEjectionMs / 1000,
    max_ejected_share: outliers.maxEjectedShare,
    replace_after: outliers.replaceAfter,
  };
}
