// What is wanted of one deployment.

import type { Revision } from "./version.ts";

export interface RolloutPolicy {
  /**
   * The share of the replicas, 0 to 1, that may be started beyond the wanted number and replaced at a time; at
   * least one. Default 0.2, as Ray Serve's `rolling_update_percentage`.
   */
  readonly rollingUpdatePercentage: number;
  /**
   * How long a replica must run and be well before it counts as proven. Default 5,000: longer than what dies
   * right after its start lives, short next to a rollout.
   */
  readonly minReadyMs: number;
  /**
   * When there is no room for a surge: `wait` for it, or `stop-old`: drain old replicas first, a step at a time, so
   * capacity falls by a step. Default `wait`.
   */
  readonly whenShort: "wait" | "stop-old";
}

export const DEFAULT_ROLLOUT: RolloutPolicy = {
  rollingUpdatePercentage: 0.2,
  minReadyMs: 5_000,
  whenShort: "wait",
};

export interface DesiredDeployment {
  readonly name: string;
  readonly revision: Revision;
  /** 0 or more; the autoscaler's figure where there is one, else the config's. */
  readonly numReplicas: number;
  /** Whose figure that is. */
  readonly scaledBy: "config" | "autoscaler";
  /**
   * Another one with each accepted deploy of this deployment. A version that failed is tried again only when this
   * has changed: asking again is a request, a change of counts is not.
   */
  readonly generation: number;
  readonly rollout: RolloutPolicy;
  readonly deleting: boolean;
}

/** Replicas that a rollout starts or replaces at a time. */
export function stepOf({ numReplicas, rollout }: DesiredDeployment): number {
  return Math.max(1, Math.floor(numReplicas * rollout.rollingUpdatePercentage));
}
