// How careful to be: as what was learnt says, or, at overload, a little less.
//
// 1. It is overload when more than one in twenty was turned away of late, and more comes than all replicas get through. A burst
//    is none: who was turned away in it says nothing of those who come next, and refusing them by the plan makes a rate that
//    could be served one that could not, for as long as it lasts.
// 2. Without an objective nothing is too much but what is turned away.

import type { Arrivals } from "./arrivals.ts";
import type { Pace } from "./decide-in-time.ts";
import { OverloadPace } from "./overload-pace.ts";
import type { DispatchPolicy } from "./policy.ts";
import type { ServiceRecord } from "./service-record.ts";
import type { SlotPool } from "./slot-pool.ts";
import { throughputWithin } from "./throughput.ts";

export interface Stance {
  readonly overloaded: boolean;
  /** What batches are planned with. */
  readonly pace: Pace;
  /** Share of the wanted throughput below which a head is shed for the others. */
  readonly gate: number;
}

export interface StanceParts {
  readonly pool: Pick<SlotPool, "usable">;
  readonly service: ServiceRecord;
  readonly arrivals: Arrivals;
}

const GATE = 0.9;
const OVERLOAD_GATE = 0.98;

export function stanceOf(parts: StanceParts, policy: DispatchPolicy, nowMs: number): Stance {
  const { model } = parts.service;
  return isOverloaded(parts, policy, nowMs)
    ? { overloaded: true, pace: new OverloadPace(model), gate: OVERLOAD_GATE }
    : { overloaded: false, pace: model, gate: GATE };
}

/** Invariant 1. */
function isOverloaded(
  { pool, service, arrivals }: StanceParts,
  policy: DispatchPolicy,
  nowMs: number,
): boolean {
  if (!arrivals.turnsAway) return false;
  if (policy.objectiveMs === undefined || !service.known) return true; // invariant 2
  const withinMs = service.objectiveMs(policy.objectiveMs);
  const { rowMs } = throughputWithin(service.model, pool, { policy, withinMs });
  return arrivals.recentPerSecondAt(nowMs) * rowMs > 1_000;
}
