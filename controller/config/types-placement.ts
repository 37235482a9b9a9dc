// Placement and outliers of a decoded deployment; see types.ts.

/** Resources reserved together for one replica, which runs in the first bundle. */
export interface PlacementGroupConfig {
  /** At least one; none of nothing. */
  readonly bundles: readonly BundleConfig[];
  readonly strategy: "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";
}

export interface BundleConfig {
  readonly numCpus: number;
  readonly numGpus: number;
  readonly memoryBytes: number;
  readonly custom: Readonly<Record<string, number>>;
}

/** When a replica that is worse than the others gets nothing for a while; the dispatcher's `OutlierPolicy` says what each is. */
export interface OutlierConfig {
  readonly consecutiveFailures: number;
  readonly minResults: number;
  readonly maxLatencyRatio: number;
  readonly baseEjectionMs: number;
  /** At least `baseEjectionMs`. */
  readonly maxEjectionMs: number;
  readonly maxEjectedShare: number;
  /** Ejections after which another replica takes its place. */
  readonly replaceAfter: number;
}
