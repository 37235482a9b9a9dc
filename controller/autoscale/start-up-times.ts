// How long replicas of a deployment take to start: the 90th percentile of the last ones measured.

const KEPT = 32;
const QUANTILE = 0.9;
/** Before any was measured. */
export const ASSUMED_START_UP_MS = 10_000;

export class StartUpTimes {
  readonly #times: number[] = [];
  #next = 0;

  /** A replica became ready so long after it was asked for. */
  record(ms: number): void {
    if (!(ms >= 0 && ms < Infinity)) return;
    this.#times[this.#next] = ms;
    this.#next = (this.#next + 1) % KEPT;
  }

  get startUpMs(): number {
    if (this.#times.length === 0) return ASSUMED_START_UP_MS;
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[Math.ceil(QUANTILE * sorted.length) - 1] ?? ASSUMED_START_UP_MS;
  }
}
