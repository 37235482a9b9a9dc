// When requests are to be sent, as data and as a stream of times. Pure: the same plan and seed give the same times.

import { seededRandom } from "../../models/random.ts";
import { type ArrivalProcess, unitGaps } from "./gaps.ts";
import { type RateProfile, ratePieces } from "./profile.ts";
import { arrivalTimes } from "./rate-pieces.ts";

export type ArrivalPlan =
  | {
      readonly kind: "rate";
      /** The base rate; what it means with a profile is written there. */
      readonly ratePerSecond: number;
      /** Poisson by default. */
      readonly process?: ArrivalProcess;
      /** Flat by default. */
      readonly profile?: RateProfile;
    }
  /** Given times in ms from the start, ascending, as `readTrace` gives them. */
  | { readonly kind: "times"; readonly timesMs: ArrayLike<number> };

/** Intended send times in ms from the start, ascending, all before `untilMs` (which may be infinite). */
export function plannedTimes(plan: ArrivalPlan, seed: number, untilMs: number): Iterator<number, void> {
  if (plan.kind === "times") return timesBefore(plan.timesMs, untilMs);
  // The rate's course and the arrivals on it draw from generators of their own.
  const pieces = ratePieces(
    plan.profile ?? { kind: "flat" },
    plan.ratePerSecond,
    seededRandom(seed ^ 0x5bd1e995),
  );
  return arrivalTimes(pieces, unitGaps(plan.process ?? { kind: "poisson" }, seededRandom(seed)), untilMs);
}

function* timesBefore(timesMs: ArrayLike<number>, untilMs: number): Generator<number, void> {
  for (let index = 0; index < timesMs.length; index++) {
    const timeMs = timesMs[index] ?? 0;
    if (timeMs >= untilMs) return;
    yield timeMs;
  }
}
