// The line t(b) = fixed + perRow·b through the service times seen, kept by recursive least squares on relative error.
//
// 1. What was learnt of sizes that are no longer seen is kept: an observation makes the fit forget only in its own
//    direction (Cao & Schwartz 2000), so a week of single rows does not erase what batches cost.
// 2. Neither part is ever below zero: the answer is the nearest line that the data allow, not a cut-off one.
// 3. A size never seen has a large uncertainty: from one size alone, twice the rows may take twice the time and
//    half the rows the same.

/** Weight of the past per observation: about 50 batches. */
const FORGETTING = 0.98;
/** Noise of one observation that the weights assume, relative. */
const NOMINAL_NOISE = 0.1;
/** How sure we are, in observations, that half of a batch's time is fixed before any other size was seen. */
const SPLIT_WEIGHT = 0.1;
/** Observations that a line given beforehand counts for. */
const PRIOR_WEIGHT = 5;
/** What is left of the certainty after the line was moved as a whole. */
const RESCALED_CERTAINTY = 0.2;

/** t(b) = fixedMs + perRowMs·b. */
export interface ServiceTime {
  readonly fixedMs: number;
  readonly perRowMs: number;
}

export class ServiceTimeFit {
  /** The unconstrained minimum; `fixedMs` and `perRowMs` are its nearest point without negative parts. */
  #fixed: number;
  #perRow: number;
  /** The information matrix [[r00, r01], [r01, r11]], in observations per ms². */
  #r00: number;
  #r01 = 0;
  #r11: number;
  fixedMs: number;
  perRowMs: number;

  private constructor(line: ServiceTime, [r00, r11]: readonly [number, number]) {
    this.#fixed = this.fixedMs = line.fixedMs;
    this.#perRow = this.perRowMs = line.perRowMs;
    this.#r00 = r00;
    this.#r11 = r11;
  }

  /** From one observation: half of it is taken for fixed (invariant 3). */
  static fromFirst(rows: number, ms: number): ServiceTimeFit {
    const line = { fixedMs: ms / 2, perRowMs: ms / 2 / rows };
    const fit = new ServiceTimeFit(line, [SPLIT_WEIGHT / ms ** 2, SPLIT_WEIGHT * (rows / ms) ** 2]);
    fit.update(rows, ms);
    return fit;
  }

  /** From a line known beforehand, of a warm-up or an earlier run. */
  static fromLine(line: ServiceTime): ServiceTimeFit {
    const ms = line.fixedMs + line.perRowMs;
    const weight = PRIOR_WEIGHT / ms ** 2;
    return new ServiceTimeFit(line, [weight, weight]);
  }

  meanMs(rows: number): number {
    return this.fixedMs + this.perRowMs * rows;
  }

  /** Takes in one batch. */
  update(rows: number, ms: number): void {
    const expected = this.meanMs(rows);
    const x0 = 1 / expected;
    const x1 = rows / expected;
    const g0 = this.#r00 * x0 + this.#r01 * x1;
    const g1 = this.#r01 * x0 + this.#r11 * x1;
    const forget = (1 - FORGETTING) / (g0 * x0 + g1 * x1); // invariant 1
    this.#r00 += x0 * x0 - forget * g0 * g0;
    this.#r01 += x0 * x1 - forget * g0 * g1;
    this.#r11 += x1 * x1 - forget * g1 * g1;
    const innovation = (ms - this.#fixed - this.#perRow * rows) / expected;
    const gain = innovation / this.#determinant();
    this.#fixed += gain * (this.#r11 * x0 - this.#r01 * x1);
    this.#perRow += gain * (this.#r00 * x1 - this.#r01 * x0);
    this.#project();
  }

  /** Everything takes `factor` times as long from here on; the shape is kept, less surely. */
  rescale(factor: number): void {
    this.#fixed *= factor;
    this.#perRow *= factor;
    const certainty = RESCALED_CERTAINTY / factor ** 2;
    this.#r00 *= certainty;
    this.#r01 *= certainty;
    this.#r11 *= certainty;
    this.#project();
  }

  /** Variance of `meanMs(rows)` as [c0, c1, c2] of c0 + c1·rows + c2·rows², in ms² (invariant 3). */
  variance(): readonly [number, number, number] {
    const scale = NOMINAL_NOISE ** 2 / this.#determinant();
    return [this.#r11 * scale, -2 * this.#r01 * scale, this.#r00 * scale];
  }

  #determinant(): number {
    const product = this.#r00 * this.#r11;
    // Rounding must not make a matrix singular that is not.
    return Math.max(product - this.#r01 * this.#r01, product * 1e-12);
  }

  #project(): void {
    this.fixedMs = this.#fixed;
    this.perRowMs = this.#perRow;
    if (this.#perRow < 0) {
      this.perRowMs = 0; // invariant 2
      this.fixedMs = this.#fixed + (this.#r01 / this.#r00) * this.#perRow;
    } else if (this.#fixed < 0) {
      this.fixedMs = 0;
      this.perRowMs = this.#perRow + (this.#r01 / this.#r11) * this.#fixed;
    }
  }
}
