// Whether a waiting request may come along in a batch that is being put together for another.
//
// 1. Nobody joins a batch that would be late for them.
// 2. Who could only be served in a batch much smaller than this one is dropped, as its own turn would end: kept, it would
//    stand in the way of all who wait behind it.

import { type Pace, throughput } from "./decide-in-time.ts";

/** `drop`: in this batch or another, it is too late. */
export type Fit = "fits" | "waits" | "drop";

export interface PlannedRun {
  readonly startMs: number;
  readonly rows: number;
  /** How many times as long as others the replica takes. */
  readonly speed: number;
  readonly pace: Pace;
  /** Share of a batch's throughput below which nobody is waited for. */
  readonly gate: number;
}

/** When a run should be over, by the plan. */
export function plannedEndMs({ startMs, rows, speed, pace }: PlannedRun): number {
  return startMs + (pace.predictMs(rows) ?? 0) * speed;
}

/** `endMs` is `plannedEndMs` of the run. */
export function fitOf(limitMs: number, run: PlannedRun, endMs: number): Fit {
  if (limitMs >= endMs) return "fits"; // invariant 1
  const { startMs, rows, speed, pace, gate } = run;
  const most = pace.maxRowsWithin((limitMs - startMs) / speed, rows);
  return most < 1 || throughput(pace, most) < gate * throughput(pace, rows) ? "drop" : "waits"; // invariant 2
}
