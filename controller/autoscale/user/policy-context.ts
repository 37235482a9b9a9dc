// What a user's policy is told: Ray's `AutoscalingContext` in camel case, plain data that can cross to another thread.

import type { ScalingSnapshot } from "../policy.ts";

export interface PolicyContext {
  readonly deploymentName: string;
  readonly appName: string;
  /** Ready ones. */
  readonly currentNumReplicas: number;
  readonly targetNumReplicas: number;
  readonly startingNumReplicas: number;
  /** Queued and at replicas, now. */
  readonly totalNumRequests: number;
  readonly totalQueuedRequests: number;
  readonly totalRunningRequests: number;
  /** The same, averaged over the look-back period. */
  readonly averageNumRequests: number;
  /** Arrivals per second over 10 s, refused ones included. */
  readonly requestsPerSecond: number;
  readonly capacityAdjustedMinReplicas: number;
  readonly capacityAdjustedMaxReplicas: number;
  /** Seconds; only differences mean anything. */
  readonly currentTime: number;
  /** The same clock; null before the first. */
  readonly lastScaleUpTime: number | null;
  readonly lastScaleDownTime: number | null;
  /** What the policy answered beside the number last time; null the first time. */
  readonly policyState: unknown;
}

export interface ContextExtras {
  readonly deploymentName: string;
  readonly appName: string;
  readonly lookBackMs: number;
  readonly lastScaleUpMs: number | undefined;
  readonly lastScaleDownMs: number | undefined;
  readonly state: unknown;
}

export function contextOf(snapshot: ScalingSnapshot, extras: ContextExtras): PolicyContext {
  const { load, bounds } = snapshot;
  const seconds = (ms: number | undefined): number | null => (ms === undefined ? null : ms / 1_000);
  return {
    deploymentName: extras.deploymentName,
    appName: extras.appName,
    currentNumReplicas: snapshot.ready,
    targetNumReplicas: snapshot.target,
    startingNumReplicas: snapshot.starting,
    totalNumRequests: snapshot.queuedRequests + snapshot.ongoingRequests,
    totalQueuedRequests: snapshot.queuedRequests,
    totalRunningRequests: snapshot.ongoingRequests,
    averageNumRequests: load.meanOngoing(extras.lookBackMs),
    requestsPerSecond: load.requestsPerSecond(10_000),
    capacityAdjustedMinReplicas: bounds.min,
    capacityAdjustedMaxReplicas: bounds.max,
    currentTime: snapshot.nowMs / 1_000,
    lastScaleUpTime: seconds(extras.lastScaleUpMs),
    lastScaleDownTime: seconds(extras.lastScaleDownMs),
    policyState: extras.state,
  };
}
