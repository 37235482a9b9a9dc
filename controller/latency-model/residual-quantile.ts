// How far above the expected time batches come out, as a quantile of a histogram that forgets.
//
// 1. Old observations fade (half after some 350 batches), so that a noisy hour is not remembered for ever.
// 2. Before a hundred batches were seen the quantile is not known; a stand-in observation keeps it careful.

const BIN = 0.01;
/** Excess above 60 % is one bin: nobody plans with more. */
const BINS = 61;
const FORGETTING = 0.998;
/** The stand-in: a batch 25 % late. */
const STAND_IN = 0.25;
const LARGEST_WEIGHT = 1e100;

export class ResidualQuantile {
  readonly #bins = new Float64Array(BINS);
  #total = 1;
  /** Weight of the next observation: it grows instead of all the others shrinking. */
  #weight = 1;

  constructor() {
    this.#bins[Math.round(STAND_IN / BIN)] = 1; // invariant 2
  }

  /** Adds one batch by how much longer it took than expected, relative; -0.1 is a tenth faster. */
  add(excess: number): void {
    this.#weight /= FORGETTING; // invariant 1
    const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(excess / BIN)));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + this.#weight;
    this.#total += this.#weight;
    if (this.#weight > LARGEST_WEIGHT) this.#shrink();
  }

  /** The excess that a fraction `quantile` of batches stays within; never below 0. */
  at(quantile: number): number {
    const allowed = this.#total * (1 - quantile);
    let above = 0;
    for (let bin = BINS - 1; bin > 0; bin--) {
      above += this.#bins[bin] ?? 0;
      if (above > allowed) return bin * BIN;
    }
    return 0;
  }

  #shrink(): void {
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin] = (this.#bins[bin] ?? 0) / this.#weight;
    this.#total /= this.#weight;
    this.#weight = 1;
  }
}
