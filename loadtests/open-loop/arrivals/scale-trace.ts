// A trace made shorter, faster or heavier. Pure.
//
// 1. The times stay within the trace's span and ascending.
// 2. `correlated` copies keep the bursts as high as they were, relative to the mean; `independent` ones let them
//    fall with the square root of the scale, as more users of the same kind do. A scale below 1 thins.

import type { Random } from "../../models/random.ts";

export interface TraceScaling {
  /** The part of the trace to take, in its own time; all by default. */
  readonly fromMs?: number;
  readonly forMs?: number;
  /** Time runs so many times as fast; 1 by default. */
  readonly compress?: number;
  /** So many times the arrivals; 1 by default. */
  readonly scale?: number;
  /** `correlated` by default. */
  readonly mode?: "correlated" | "independent";
  /** Correlated copies are moved by up to this much either way, after compression; 500 ms by default. */
  readonly jitterMs?: number;
}

/** The times of `timesMs`, ascending from 0, in ms, scaled. */
export function scaleTrace(timesMs: ArrayLike<number>, scaling: TraceScaling, random: Random): Float64Array {
  const { fromMs = 0, forMs = Number.POSITIVE_INFINITY, compress = 1, scale = 1 } = scaling;
  const { mode = "correlated", jitterMs = 500 } = scaling;
  const lastMs = timesMs[timesMs.length - 1] ?? 0;
  const spanMs = Math.max(0, Math.min(forMs, lastMs - fromMs)) / compress;
  const window = Float64Array.from(timesMs, (timeMs) => (timeMs - fromMs) / compress).filter(
    (timeMs) => timeMs >= 0 && timeMs <= spanMs,
  );
  if (scale === 1) return window;
  const scaled: number[] = [];
  for (let copy = 0; copy < scale; copy++) {
    const share = Math.min(1, scale - copy);
    const shiftMs = random.uniform() * spanMs;
    for (const timeMs of window) {
      if (share < 1 && random.uniform() >= share) continue;
      if (copy === 0) scaled.push(timeMs);
      else if (mode === "independent") scaled.push(spanMs === 0 ? 0 : (timeMs + shiftMs) % spanMs);
      else scaled.push(Math.min(spanMs, Math.max(0, timeMs + (2 * random.uniform() - 1) * jitterMs)));
    }
  }
  return Float64Array.from(scaled).sort(); // invariant 1
}
