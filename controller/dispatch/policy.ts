// What a deployment's owner says of dispatching, as the dispatcher is given it. It may change while requests wait.

import type { OutlierPolicy } from "./outliers.ts";

export interface DispatchPolicy {
  /** Largest batch, in rows. */
  readonly maxBatchSize: number;
  /** Longest wait of a request for company while no replica is idle; without an objective. */
  readonly batchWaitTimeoutMs: number;
  /** Batches a replica may have at once: the one it runs and those already on the way. */
  readonly maxConcurrentBatches: number;
  /** Requests a replica may have at once. */
  readonly maxOngoingRequests: number;
  /** Requests that may wait; for one more somebody is refused. */
  readonly maxQueuedRequests: number;
  /** Whether a request that a dead replica may have run can be run again. */
  readonly idempotent: boolean;
  /** From arrival to answer. With one, batches are as large as they must be and what would be late is not run. */
  readonly objectiveMs?: number;
  /** A replica's batches run beside each other (user code that waits), not one after the other. Default false. */
  readonly parallel?: boolean;
  /** How those who share the deployment share it; without it they are all one. */
  readonly tenants?: TenantPolicy;
  /** A second copy of a request that takes long. Default: none. */
  readonly hedge?: HedgePolicy;
  /** Which replicas get nothing for a while because their results are bad. Default: none. */
  readonly outliers?: OutlierPolicy;
}

export interface TenantPolicy {
  /** Lower case; the request header that says whose a request is. */
  readonly header: string;
  /** Shares of those named; 1 for everybody else. Above 0. */
  readonly weights: Readonly<Record<string, number>>;
  /** Requests of one tenant that may wait; undefined: as many as there is room for. */
  readonly maxQueuedRequests?: number;
}

export interface HedgePolicy {
  /** Copies as a share of requests, at most; 0.02 is one in fifty. */
  readonly budget: number;
}

export const PRIORITIES = ["high", "normal", "low"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Batches that a replica runs beside each other; what else it has waits there. */
export function batchesAtOnce({ parallel, maxConcurrentBatches }: DispatchPolicy): number {
  return parallel === true ? maxConcurrentBatches : 1;
}

/** What a request says of its standing. */
export interface Claim {
  /** Default "normal". */
  readonly priority?: Priority;
  /** Whose it is; "" when nobody says. */
  readonly tenant?: string;
}

/** The share of a tenant. */
export function weightOf({ tenants }: DispatchPolicy, tenant: string): number {
  return tenants !== undefined && Object.hasOwn(tenants.weights, tenant) ? (tenants.weights[tenant] ?? 1) : 1;
}
