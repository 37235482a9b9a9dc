// The pace to plan with at overload: less careful than the learnt one.
//
// 1. Half of the plan's caution is left out. Fuller batches gain more then than is lost by the few that come
//    out too late, of which only the oldest members are; what is unknown of a size still counts for half.
// 2. It is never more careful than the learnt one, and more rows never take less time in it.

import type { Pace } from "./decide-in-time.ts";

/** Share of what the plan adds to the mean. */
const CAUTION = 0.5;

export class OverloadPace implements Pace {
  readonly #learnt: Pace;

  constructor(learnt: Pace) {
    this.#learnt = learnt;
  }

  meanMs(rows: number): number | undefined {
    return this.#learnt.meanMs(rows);
  }

  predictMs(rows: number): number | undefined {
    const mean = this.#learnt.meanMs(rows);
    const plan = this.#learnt.predictMs(rows);
    return mean === undefined || plan === undefined ? undefined : mean + CAUTION * (plan - mean);
  }

  maxRowsWithin(budgetMs: number, limit: number): number {
    let fits = this.#learnt.maxRowsWithin(budgetMs, limit); // invariant 2
    let tooMany = Math.max(1, Math.floor(limit)) + 1;
    while (tooMany - fits > 1) {
      const middle = Math.floor((fits + tooMany) / 2);
      if ((this.predictMs(middle) ?? Number.POSITIVE_INFINITY) <= budgetMs) fits = middle;
      else tooMany = middle;
    }
    return fits;
  }

  sufficientRows(rowsPerSecond: number, replicas: number, limit: number): number {
    return this.#learnt.sufficientRows(rowsPerSecond, replicas, limit);
  }

  batchingGain(limit: number): number {
    return this.#learnt.batchingGain(limit);
  }
}
