// How many replicas a deployment has when load decides.

import type { SCALING_POLICIES } from "./schema-scaling.ts";

export interface ScalingConfig {
  readonly minReplicas: number;
  /** At least `minReplicas` and 1. */
  readonly maxReplicas: number;
  /** Of a deployment that is new. */
  readonly initialReplicas: number;
  /** One of ours, or a user's function: of this deployment, or of its whole application. */
  readonly policy: (typeof SCALING_POLICIES)[number] | PolicySource;
  /** Settings of policies; what is absent has the policy's own default. */
  readonly targetOngoingRequests?: number;
  readonly attainment?: number;
  readonly keepAliveMs?: number;
  readonly metricsIntervalMs?: number;
  readonly lookBackPeriodMs?: number;
  readonly aggregationFunction?: "mean" | "max" | "min";
  readonly upscaleDelayMs?: number;
  readonly downscaleDelayMs?: number;
  readonly downscaleToZeroDelayMs?: number;
  readonly upscalingFactor?: number;
  readonly downscalingFactor?: number;
}

/** A user's function: `(context) => number | [number, state]`, for an application by deployment. */
export interface PolicySource {
  /** Who has it. */
  readonly scope: "deployment" | "application";
  /** Of its module, absolute. */
  readonly path: string;
  /** Default "default". */
  readonly exportName: string | undefined;
  /** A hash of its files, where they were looked at: when they change, the policy begins anew. */
  readonly contents?: string;
}
