// What N replicas get through within an objective, in rows per second.
//
// 1. In batches: b* is the largest batch for which (1 + G/N)·t(b) stays within the objective (a request waits at most
//    t(b)/N for the next free replica when G queues feed N), and the capacity N·b*/t(b*).
// 2. One by one: Erlang's C, when b* is one or none, or batching does not pay.
// 3. More replicas never have less capacity.

import { type PoolLimits, pooledCapacity } from "./erlang.ts";
import type { ServiceTimes } from "./latency-model.ts";

export interface CapacityOptions {
  readonly replicas: number;
  /** From arrival to answer. */
  readonly objectiveMs: number;
  /** Largest batch, in rows. */
  readonly maxRows: number;
  /** Part of the objective that is spent outside the replica: the network, decoding. Default 0. */
  readonly overheadMs?: number;
  /** Processes that share out the replicas among themselves. Default 1. */
  readonly gateways?: number;
}

/** Largest batch that is in time with so many replicas; 0 when none is or nothing is known (invariant 1). */
export function feasibleRows(times: ServiceTimes, options: CapacityOptions): number {
  const { replicas, objectiveMs, maxRows, overheadMs = 0, gateways = 1 } = options;
  if (replicas < 1) return 0;
  return times.maxRowsWithin(
    (objectiveMs - overheadMs) / (1 + Math.min(gateways, replicas) / replicas),
    maxRows,
  );
}

/** Rows per second in batches; 0 when no batch is in time. */
export function batchCapacity(times: ServiceTimes, options: CapacityOptions): number {
  const rows = feasibleRows(times, options);
  const meanMs = times.meanMs(rows);
  return rows === 0 || meanMs === undefined ? 0 : (options.replicas * rows * 1_000) / meanMs;
}

/** Rows per second one by one (invariant 2); 0 when a single row is not in time or nothing is known. */
export function singleCapacity(
  times: ServiceTimes,
  options: CapacityOptions,
  limits: Omit<PoolLimits, "serviceMs" | "waitMs">,
): number {
  const [meanMs, plannedMs] = [times.meanMs(1), times.predictMs(1)];
  if (meanMs === undefined || plannedMs === undefined) return 0;
  const waitMs = options.objectiveMs - (options.overheadMs ?? 0) - plannedMs;
  return pooledCapacity(options.replicas, { ...limits, serviceMs: meanMs, waitMs });
}
