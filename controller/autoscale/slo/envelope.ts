// Replicas that stand by for bursts shorter than a start: enough that of the last quarter of an hour, were it to come
// again, no more than a share ε of the requests would find too little capacity. Old seconds count less.
//
// 1. Only what going up on demand would miss counts: the first seconds of a rise, until replicas have started, and not
//    the hour at a higher level that follows. A level that was left is not stood by for.
// 2. ε is what the objective leaves: it falls when requests are missed and slowly rises while none are.
// 3. It moves every ten seconds of wall time, and is computed every five, however often it is asked.

import type { LoadReading } from "../load/load-tracker.ts";
import type { CapacityCurve } from "./capacity-curve.ts";

const HALF_LIFE_S = 300;
const SECONDS = 900;
const COMPUTE_MS = 5_000;
const ADJUST_MS = 10_000;
const LOOSEST = 0.2;
const TIGHTEST = 1e-3;
const TIGHTEN = 0.3;
const LOOSEN = 1.01;
/** Capacity that a burst may take up. */
const FILL = 0.95;
/** From a rise to its replicas being asked for. */
const REACTION_MS = 2_000;
/** Going up follows means; single seconds above them it misses. */
const MEAN_S = 10;

const WEIGHTS = Float64Array.from({ length: SECONDS + 1 }, (_, age) => 2 ** (-age / HALF_LIFE_S));

export interface EnvelopeOptions {
  readonly nowMs: number;
  readonly startUpMs: number;
  /** How long replicas that a rise brought stay after it. */
  readonly holdMs: number;
  readonly max: number;
}

export class Envelope {
  readonly #missedBudget: number;
  readonly #rows = new Float64Array(SECONDS + 1);
  readonly #reacted = new Float64Array(SECONDS + 1);
  #tolerance = LOOSEST;
  #adjustedMs: number | undefined;
  #computedMs = Number.NEGATIVE_INFINITY;
  #replicas = 0;

  /** `missedBudget` is the share of requests that may miss the objective. */
  constructor(missedBudget: number) {
    this.#missedBudget = missedBudget;
  }

  /** ε: the share of the last quarter of an hour that may go unserved. */
  get tolerance(): number {
    return this.#tolerance;
  }

  /** Fewest replicas, at most `max`. */
  replicas(load: LoadReading, curve: CapacityCurve, options: EnvelopeOptions): number {
    const { nowMs, max } = options;
    this.#adjust(load, nowMs);
    if (nowMs - this.#computedMs >= COMPUTE_MS) {
      this.#computedMs = nowMs;
      this.#replicas = this.#compute(load, curve, options);
    }
    return Math.min(max, this.#replicas);
  }

  #adjust(load: LoadReading, nowMs: number): void {
    this.#adjustedMs ??= nowMs;
    if (nowMs - this.#adjustedMs < ADJUST_MS) return; // invariant 3
    this.#adjustedMs = nowMs;
    const missed = load.missedShare(ADJUST_MS) > this.#missedBudget;
    this.#tolerance = missed // invariant 2
      ? Math.max(TIGHTEST, TIGHTEN * this.#tolerance)
      : Math.min(LOOSEST, LOOSEN * this.#tolerance);
  }

  #compute(load: LoadReading, curve: CapacityCurve, { startUpMs, holdMs, max }: EnvelopeOptions): number {
    let seconds = 0;
    let all = 0;
    load.eachSecond((rows, age) => {
      if (age > SECONDS) return;
      this.#rows[age] = rows;
      all += rows * (WEIGHTS[age] ?? 0);
      seconds = Math.max(seconds, age);
    });
    if (all === 0) return 0;
    this.#react(seconds, Math.ceil((startUpMs + REACTION_MS) / 1_000), Math.ceil(holdMs / 1_000));
    const allowed = this.#tolerance * all;
    return curve.smallestWhere(
      (replicas) => this.#unserved(FILL * curve.full(replicas), seconds) <= allowed,
      max,
    );
  }

  /** Invariant 1: what going up as demand comes would have had by each second: the largest mean since before the hold, `delayS` ago. */
  #react(seconds: number, delayS: number, holdS: number): void {
    const largest: { age: number; mean: number }[] = [];
    let first = 0;
    let sum = 0;
    for (let age = seconds; age >= 1; age--) {
      sum += (this.#rows[age] ?? 0) - (age + MEAN_S <= seconds ? (this.#rows[age + MEAN_S] ?? 0) : 0);
      const mean = sum / MEAN_S;
      while (largest.length > first && (largest.at(-1)?.mean ?? 0) <= mean) largest.pop();
      largest.push({ age, mean });
      while ((largest[first]?.age ?? 0) > age + holdS) first++;
      if (age > delayS) this.#reacted[age - delayS] = largest[first]?.mean ?? 0;
    }
    for (let age = seconds; age > Math.max(0, seconds - delayS); age--) this.#reacted[age] = 0;
  }

  #unserved(capacity: number, seconds: number): number {
    let unserved = 0;
    for (let age = 1; age <= seconds; age++) {
      const excess = (this.#rows[age] ?? 0) - Math.max(capacity, this.#reacted[age] ?? 0);
      if (excess > 0) unserved += excess * (WEIGHTS[age] ?? 0);
    }
    return unserved;
  }
}
