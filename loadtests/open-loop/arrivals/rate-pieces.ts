// A rate that changes over time, as pieces in which it is linear, and the arrivals that it makes of a unit-rate
// process: time is stretched so that one unit of the process takes one expected arrival. Pure.
//
// 1. Between two instants the expected number of arrivals is the integral of the rate, exactly: no time grid.
// 2. Times never go back.

export interface RatePiece {
  /** The last piece may last for ever, if its rate does not change. */
  readonly durationMs: number;
  /** Arrivals a second where the piece begins and where it ends. */
  readonly fromRate: number;
  readonly toRate: number;
}

/** Arrival times in ms from the beginning of the first piece, before `untilMs` and the end of the last piece. */
export function* arrivalTimes(
  pieces: Iterable<RatePiece>,
  gaps: Iterator<number, never>,
  untilMs: number,
): Generator<number, void> {
  let beganMs = 0;
  let owed = gaps.next().value;
  for (const { durationMs, fromRate, toRate } of pieces) {
    const slope = toRate === fromRate ? 0 : (toRate - fromRate) / 1000 / durationMs;
    let atMs = 0;
    for (;;) {
      const rate = fromRate / 1000 + slope * atMs;
      const left = expectedArrivals(rate, toRate / 1000, durationMs - atMs);
      if (owed > left) {
        owed -= left;
        break;
      }
      atMs = Math.min(durationMs, atMs + durationOf(owed, rate, slope)); // invariant 2
      if (beganMs + atMs >= untilMs) return;
      yield beganMs + atMs;
      owed = gaps.next().value;
    }
    beganMs += durationMs;
    if (beganMs >= untilMs) return;
  }
}

/** Invariant 1. Rates per ms. */
function expectedArrivals(rate: number, endRate: number, durationMs: number): number {
  return rate === 0 && endRate === 0 ? 0 : ((rate + endRate) / 2) * durationMs;
}

/** How long `owed` arrivals take from a rate that grows by `slope` a ms: the root of the parabola that cancels nothing. */
function durationOf(owed: number, rate: number, slope: number): number {
  if (owed === 0) return 0;
  return (2 * owed) / (rate + Math.sqrt(Math.max(0, rate * rate + 2 * slope * owed)));
}
