// What policies are held against: the work itself, and the cheapest schedule with hindsight of replicas for every second.
//
// 1. Fluid: every request in the largest batch that is in time, replicas paid only while they run. Nothing is cheaper.
// 2. Cover: whole replicas that are there whenever a second needs them, started a start-up ahead and kept over a gap when that
//    is cheaper than starting again. Exact for identical replicas, each level of need by itself. It is no bound where the
//    objective lets requests wait for longer than a second: who evens out the seconds needs less.

import type { AutoscalingPolicy, ScalingDecision, ScalingSnapshot } from "../../autoscale/index.ts";
import { batchMs, type ServiceProfile } from "../plant/service-profile.ts";

/** Replica-seconds that so many requests cost at least (invariant 1). */
export function fluidBound(requests: number, profile: ServiceProfile, objectiveMs: number): number {
  const room = Math.floor((objectiveMs - profile.fixedMs) / profile.perRowMs + 1e-9);
  const rows = Math.min(profile.maxRows, room);
  if (rows < 1) return Number.POSITIVE_INFINITY;
  return (requests * batchMs(profile, rows)) / rows / 1_000;
}

export interface OraclePlan {
  /** Replicas wanted in each second, start-ups ahead. */
  readonly target: Uint16Array;
  /** What it costs, start-ups included (invariant 2). */
  readonly replicaSeconds: number;
}

/** The cheapest schedule that has what each second needs; `startUpSeconds` ahead of it. */
export function oraclePlan(needed: Uint16Array, startUpSeconds: number): OraclePlan {
  const seconds = needed.length;
  const ahead = Math.ceil(startUpSeconds);
  const target = new Uint16Array(seconds);
  const most = needed.reduce((largest, count) => Math.max(largest, count), 0);
  for (let level = 1; level <= most; level++) {
    let from = -1; // of the stretch that is being covered
    let last = -1;
    for (let second = 0; second <= seconds; second++) {
      const wanted = second < seconds && (needed[second] ?? 0) >= level;
      if (!wanted && second < seconds) continue;
      // A gap no longer than a start-up is bridged: starting again would cost as much.
      if (last >= 0 && (second === seconds || second - last - 1 > ahead)) {
        raise(target, level, [Math.max(0, from - ahead), last]);
        last = -1;
      }
      if (!wanted) continue;
      if (last < 0) from = second;
      last = second;
    }
  }
  return { target, replicaSeconds: target.reduce((sum, count) => sum + count, 0) };
}

function raise(target: Uint16Array, level: number, [from, to]: readonly [number, number]): void {
  for (let second = from; second <= to; second++) {
    target[second] = Math.max(target[second] ?? 0, level);
  }
}

/** Follows a plan made with hindsight. */
export class PlannedPolicy implements AutoscalingPolicy {
  readonly name = "oracle";
  readonly #target: Uint16Array;

  constructor(plan: OraclePlan) {
    this.#target = plan.target;
  }

  decide({ nowMs, bounds }: ScalingSnapshot): ScalingDecision {
    const second = Math.min(this.#target.length - 1, Math.floor(nowMs / 1_000));
    const target = Math.min(bounds.max, Math.max(bounds.min, this.#target[second] ?? 0));
    return { target, explanation: `${target}: planned with hindsight`, reviewAtMs: nowMs + 500 };
  }
}
