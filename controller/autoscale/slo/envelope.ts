// Replicas that stand by for bursts shorter than a start: enough that of the last quarter of an hour, were it to come
// again, no more than a share ε of the requests would find too little capacity. Old seconds count less.
//
// 1. ε is what the objective leaves: it falls when requests are missed and slowly rises while none are.
// 2. It moves every ten seconds of wall time, and is computed every five, however often it is asked.

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

const WEIGHTS = Float64Array.from({ length: SECONDS + 1 }, (_, age) => 2 ** (-age / HALF_LIFE_S));

export class Envelope {
  readonly #missedBudget: number;
  readonly #rows = new Float64Array(SECONDS + 1);
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
  replicas(load: LoadReading, curve: CapacityCurve, { nowMs, max }: { nowMs: number; max: number }): number {
    this.#adjust(load, nowMs);
    if (nowMs - this.#computedMs >= COMPUTE_MS) {
      this.#computedMs = nowMs;
      this.#replicas = this.#compute(load, curve, max);
    }
    return Math.min(max, this.#replicas);
  }

  #adjust(load: LoadReading, nowMs: number): void {
    this.#adjustedMs ??= nowMs;
    if (nowMs - this.#adjustedMs < ADJUST_MS) return;
    this.#adjustedMs = nowMs;
    const missed = load.missedShare(ADJUST_MS) > this.#missedBudget;
    this.#tolerance = missed
      ? Math.max(TIGHTEST, TIGHTEN * this.#tolerance)
      : Math.min(LOOSEST, LOOSEN * this.#tolerance);
  }

  #compute(load: LoadReading, curve: CapacityCurve, max: number): number {
    let seconds = 0;
    let all = 0;
    load.eachSecond((rows, age) => {
      if (age > SECONDS) return;
      this.#rows[age] = rows;
      all += rows * (WEIGHTS[age] ?? 0);
      seconds = Math.max(seconds, age);
    });
    if (all === 0) return 0;
    const allowed = this.#tolerance * all;
    return curve.smallestWhere(
      (replicas) => this.#unserved(FILL * curve.full(replicas), seconds) <= allowed,
      max,
    );
  }

  #unserved(capacity: number, seconds: number): number {
    let unserved = 0;
    for (let age = 1; age <= seconds; age++) {
      const excess = (this.#rows[age] ?? 0) - capacity;
      if (excess > 0) unserved += excess * (WEIGHTS[age] ?? 0);
    }
    return unserved;
  }
}
