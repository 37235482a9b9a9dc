// The last word on pessimism: what was planned to be in time and was late makes the margin grow, whatever the fit says.
//
// 1. It moves once a second at most, by wall time, however often outcomes are reported.
// 2. It stays between 0 and `MAX_GUARD`, and never moves on no outcomes.

const STEP_MS = 1_000;
/** Share of late requests that is taken for chance. */
const TOLERATED_LATE = 0.002;
const GAIN = 0.5;
export const MAX_GUARD = 0.45;

export class LatenessGuard {
  #extra = 0;
  #late = 0;
  #total = 0;
  #steppedMs = Number.NEGATIVE_INFINITY;

  /** What to add to the margin, relative. */
  get extra(): number {
    return this.#extra;
  }

  /** Counts requests that were sent as feasible; answers whether the margin moved. */
  report(late: number, total: number, nowMs: number): boolean {
    this.#late += late;
    this.#total += total;
    if (this.#steppedMs === Number.NEGATIVE_INFINITY) this.#steppedMs = nowMs;
    if (nowMs - this.#steppedMs < STEP_MS || this.#total === 0) return false; // invariants 1 and 2
    const moved = this.#extra + GAIN * (this.#late / this.#total - TOLERATED_LATE);
    this.#extra = Math.min(MAX_GUARD, Math.max(0, moved));
    this.#late = this.#total = 0;
    this.#steppedMs = nowMs;
    return true;
  }
}
