// The part of the capacity that demand may take up, by what the objective leaves: more while hardly anything is missed, less
// when something is.
//
// 1. It moves once in ten seconds of wall time at most, and only while requests end.
// 2. It stays between 0.7 and 1.2: demand is a peak of some seconds, of which a queue can bear more than what is done meanwhile.
// 3. Misses while replicas start, and shortly after, say nothing of it: there were too few, however full they are run.
// 4. Where it was too high it does not soon go again, so it does not swing.

import type { LoadReading } from "../load/load-tracker.ts";

const FIRST = 0.8;
const LEAST = 0.7;
const MOST = 1.2;
const STEP_MS = 10_000;
const RISE = 0.005;
const FALL = 0.03;
/** How fast what was too high is forgotten: 0.03 in half an hour. */
const FORGET = 0.03 / 180;
/** Of the budget of misses: below the one it rises, above the other it falls. */
const [SPARED, SPENT] = [0.1, 0.5];

export interface HeadRoomMoment {
  readonly nowMs: number;
  /** Replicas that are starting. */
  readonly starting: number;
}

export class HeadRoom {
  readonly #missedBudget: number;
  #value = FIRST;
  #ceiling = MOST;
  #movedMs: number | undefined;
  #startingMs = Number.NEGATIVE_INFINITY;

  /** `missedBudget` is the share of requests that may miss the objective. */
  constructor(missedBudget: number) {
    this.#missedBudget = missedBudget;
  }

  get value(): number {
    return this.#value;
  }

  observe(load: LoadReading, { nowMs, starting }: HeadRoomMoment): void {
    if (starting > 0) this.#startingMs = nowMs;
    this.#movedMs ??= nowMs;
    if (nowMs - this.#movedMs < STEP_MS) return; // invariant 1
    this.#movedMs = nowMs;
    if (load.requestsPerSecond(STEP_MS) === 0) return;
    if (nowMs - this.#startingMs < 2 * STEP_MS) return; // invariant 3
    const missed = load.missedShare(STEP_MS);
    this.#ceiling = Math.min(MOST, this.#ceiling + FORGET);
    if (missed > SPENT * this.#missedBudget) {
      this.#value = this.#ceiling = Math.max(LEAST, this.#value - FALL); // invariants 2 and 4
    } else if (missed < SPARED * this.#missedBudget) {
      this.#value = Math.min(Math.max(this.#value, this.#ceiling), this.#value + RISE);
    }
  }
}
