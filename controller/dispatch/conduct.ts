// The results of one replica's batches, or of all replicas' together, as they come: counts that fade, and the row of the last.

import type { Result, Results, Row } from "./outliers.ts";

/** After so long a result counts for half. */
const HALF_LIFE_MS = 10_000;

export class Tally {
  #all = 0;
  #failed = 0;
  #slow = 0;
  #atMs = 0;

  add(result: Result, nowMs: number): void {
    this.#fade(nowMs);
    this.#all++;
    if (result === "failed") this.#failed++;
    if (result === "slow") this.#slow++;
  }

  /** Takes out what another has, which was added here too. */
  subtract(other: Tally, nowMs: number): void {
    const { all, failed, slow } = this.without(other, nowMs);
    this.#all = all;
    this.#failed = failed;
    this.#slow = slow;
  }

  at(nowMs: number): Results {
    this.#fade(nowMs);
    return { all: this.#all, failed: this.#failed, slow: this.#slow };
  }

  /** Less than nothing is rounding. */
  without(other: Tally, nowMs: number): Results {
    const [mine, theirs] = [this.at(nowMs), other.at(nowMs)];
    return {
      all: Math.max(0, mine.all - theirs.all),
      failed: Math.max(0, mine.failed - theirs.failed),
      slow: Math.max(0, mine.slow - theirs.slow),
    };
  }

  #fade(nowMs: number): void {
    if (nowMs <= this.#atMs) return;
    const left = 2 ** ((this.#atMs - nowMs) / HALF_LIFE_MS);
    this.#all *= left;
    this.#failed *= left;
    this.#slow *= left;
    this.#atMs = nowMs;
  }
}

/** One replica's. */
export class Conduct {
  readonly tally = new Tally();
  #row: Row = { result: "good", length: 0 };

  get row(): Row {
    return this.#row;
  }

  add(result: Result, nowMs: number): void {
    this.tally.add(result, nowMs);
    const length = this.#row.result === result ? this.#row.length + 1 : 1;
    this.#row = { result, length };
  }
}
