// Latencies as a histogram of bins half a per cent wide: constant memory, quantiles within that.

const WIDTH = Math.log(1.005);
const SMALLEST_MS = 0.01;
const BINS = 4_096;

export class Latencies {
  readonly #bins = new Uint32Array(BINS);
  #count = 0;
  #sum = 0;

  add(ms: number): void {
    const bin = binOf(ms);
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
    this.#count++;
    this.#sum += ms;
  }

  get count(): number {
    return this.#count;
  }

  get meanMs(): number {
    return this.#count === 0 ? Number.NaN : this.#sum / this.#count;
  }

  /** How many were longer. */
  countAbove(ms: number): number {
    let above = 0;
    for (let bin = binOf(ms) + 1; bin < BINS; bin++) above += this.#bins[bin] ?? 0;
    return above;
  }

  /** The latency that a share `quantile` stays within; NaN when there is none. */
  at(quantile: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = quantile * this.#count;
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      seen += this.#bins[bin] ?? 0;
      if (seen >= rank) return SMALLEST_MS * Math.exp(WIDTH * (bin + 0.5));
    }
    return Number.POSITIVE_INFINITY;
  }
}

function binOf(ms: number): number {
  return Math.min(BINS - 1, Math.floor(Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) / WIDTH));
}
