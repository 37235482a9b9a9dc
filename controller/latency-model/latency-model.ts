// How long a batch takes on a replica of one deployment, learnt from the batches that ran: t(b) = α + βb, told with a margin.
// The microbatcher plans with it, the autoscaler counts replicas with it. No clock, no I/O; constant memory.
//
// 1. What it tells to plan with is pessimistic: the mean, times one plus a margin of 5 to 50 %, plus what is not known
//    of sizes not seen. 15 % too pessimistic costs nothing, 15 % too optimistic loses most of the goodput at overload.
// 2. It corrects itself: three batches in a row far off on the same side move the whole line; a single one moves nothing.
// 3. More rows never take less time, in the mean and in the plan.
// 4. Without an observation it knows nothing and says `undefined`.

import { LatenessGuard } from "./lateness-guard.ts";
import { ResidualQuantile } from "./residual-quantile.ts";
import { type ServiceTime, ServiceTimeFit } from "./service-time-fit.ts";

const MIN_MARGIN = 0.05;
const MAX_MARGIN = 0.5;
/** Standard deviations of ignorance about the line that a plan allows for. */
const CAUTION = 2.33;
/** Squared distance, in variances, beyond which a batch is not of this line (99.3 % of a normal one are within). */
const GATE = 7.4;
const STRAYS_FOR_A_CHANGE = 3;
/** Batches before any is held to be astray. */
const SETTLED_AFTER = 8;
const NOISE_RATE = 0.05;
const MIN_NOISE = 0.03;
/** An outlier counts for at most so many standard deviations in the noise. */
const NOISE_CLIP = 3;

/** What the planners ask; `LatencyModel` learns it, a test or a simulator may know it. */
export interface ServiceTimes {
  /** Mean time of a batch; undefined while nothing is known. */
  meanMs(rows: number): number | undefined;
  /** Time of a batch to plan with; undefined while nothing is known. */
  predictMs(rows: number): number | undefined;
  /** Most rows, up to `limit`, that a plan gets through in `budgetMs`; 0 when not even one, or nothing is known. */
  maxRowsWithin(budgetMs: number, limit: number): number;
  /** Standard deviation of a batch's time, relative. */
  readonly noise: number;
}

export interface LatencyModelOptions {
  /** A line known beforehand, worth five batches; of a warm-up or an earlier run. */
  readonly prior?: ServiceTime;
  /** Share of batches that a plan's time covers. Default 0.99. */
  readonly quantile?: number;
}

export class LatencyModel implements ServiceTimes {
  readonly #quantile: number;
  readonly #excess = new ResidualQuantile();
  readonly #guard = new LatenessGuard();
  #fit: ServiceTimeFit | undefined;
  #observations = 0;
  /** Relative variance of a batch's time, outliers clipped. */
  #noise = 0.01;
  /** Batches in a row off on one side: the square of how far, clipped, and the product of the ratios. */
  readonly #strays: number[] = [];
  #strayProduct = 1;

  /** The plan's line and the variance of its ignorance: c0 + c1·b + c2·b². */
  #margin = MIN_MARGIN;
  #planFixed = 0;
  #planPerRow = 0;
  #c0 = 0;
  #c1 = 0;
  #c2 = 0;
  /** Below so many rows the plan is flat (invariant 3). */
  #flatBelow = 0;

  constructor(options: LatencyModelOptions = {}) {
    this.#quantile = options.quantile ?? 0.99;
    if (options.prior !== undefined && options.prior.fixedMs + options.prior.perRowMs > 0) {
      this.#fit = ServiceTimeFit.fromLine(options.prior);
      this.#refresh(this.#fit);
    }
  }

  get observations(): number {
    return this.#observations;
  }

  /** What a plan adds to the mean, relative; 0.05 to 0.5. */
  get margin(): number {
    return this.#margin;
  }

  get noise(): number {
    return Math.sqrt(this.#noise);
  }

  /** The line, for a status page; undefined while nothing is known. */
  get line(): ServiceTime | undefined {
    return this.#fit && { fixedMs: this.#fit.fixedMs, perRowMs: this.#fit.perRowMs };
  }

  /** Takes in a batch that ran. Answers its time as a share of the expected: 1 as expected, 3 three times slower. */
  observe(rows: number, runtimeMs: number): number {
    if (!(rows >= 1 && rows < Infinity && runtimeMs > 0 && runtimeMs < Infinity)) return 1;
    this.#observations++;
    let fit = this.#fit;
    if (fit === undefined) {
      fit = this.#fit = ServiceTimeFit.fromFirst(rows, runtimeMs);
      this.#refresh(fit);
      return 1;
    }
    const expected = fit.meanMs(rows);
    const ratio = runtimeMs / expected;
    this.#excess.add(ratio - 1);
    if (this.#admit(fit, ratio, { rows, expected })) fit.update(rows, runtimeMs);
    this.#refresh(fit);
    return ratio;
  }

  /** Counts requests that were sent as able to be in time, and how many of them were late. */
  reportOutcomes(late: number, total: number, nowMs: number): void {
    if (this.#guard.report(late, total, nowMs) && this.#fit !== undefined) this.#refresh(this.#fit);
  }

  meanMs(rows: number): number | undefined {
    return this.#fit?.meanMs(rows);
  }

  predictMs(rows: number): number | undefined {
    if (this.#fit === undefined) return undefined; // invariant 4
    return this.#plan(rows);
  }

  maxRowsWithin(budgetMs: number, limit: number): number {
    if (this.#fit === undefined || !(this.#plan(1) <= budgetMs)) return 0;
    let fits = 1;
    let tooMany = Math.max(1, Math.floor(limit)) + 1;
    while (tooMany - fits > 1) {
      const middle = Math.floor((fits + tooMany) / 2);
      if (this.#plan(middle) <= budgetMs) fits = middle;
      else tooMany = middle;
    }
    return fits;
  }

  /** Rows per second of one replica that runs batches of this size; undefined while nothing is known. */
  rowsPerSecond(rows: number): number | undefined {
    return this.#fit && (rows * 1_000) / this.#fit.meanMs(rows);
  }

  /** How much more a replica gets through in batches of `limit` than one by one; below 1.15 batching does not pay. */
  batchingGain(limit: number): number {
    return this.#fit === undefined ? 1 : (limit * this.#fit.meanMs(1)) / this.#fit.meanMs(limit);
  }

  /** Smallest batch with which `replicas` get through `rowsPerSecond`; `limit` when none does, 1 while nothing is known. */
  sufficientRows(rowsPerSecond: number, replicas: number, limit: number): number {
    const line = this.#fit;
    if (line === undefined) return 1;
    const rowsPerMs = rowsPerSecond / 1_000;
    const spare = replicas - rowsPerMs * line.perRowMs; // b/(α+βb)·N ≥ λ ⇔ b·(N−λβ) ≥ λα
    if (spare <= 0) return limit;
    return Math.min(limit, Math.max(1, Math.ceil((rowsPerMs * line.fixedMs) / spare - 1e-9)));
  }

  /** Whether the batch may move the line (invariant 2). */
  #admit(fit: ServiceTimeFit, ratio: number, batch: { rows: number; expected: number }): boolean {
    const off = ratio - 1;
    const ignorance = Math.max(0, this.#ignorance(batch.rows)) / batch.expected ** 2;
    const variance = Math.max(this.#noise, MIN_NOISE ** 2) + ignorance;
    const square = Math.max(0, Math.min(off * off, NOISE_CLIP ** 2 * variance) - ignorance);
    if (this.#observations <= SETTLED_AFTER || off * off <= GATE * variance) {
      this.#dropStrays();
      this.#addNoise(square);
      return true;
    }
    if (off > 0 !== this.#strayProduct > 1) this.#dropStrays();
    this.#strays.push(square);
    this.#strayProduct *= ratio;
    if (this.#strays.length < STRAYS_FOR_A_CHANGE) return false;
    fit.rescale(this.#strayProduct ** (1 / STRAYS_FOR_A_CHANGE));
    this.#strays.length = 0; // a change is no noise
    this.#strayProduct = 1;
    return true;
  }

  /** What went astray without being a change was noise. */
  #dropStrays(): void {
    for (const square of this.#strays) this.#addNoise(square);
    this.#strays.length = 0;
    this.#strayProduct = 1;
  }

  #addNoise(square: number): void {
    this.#noise += NOISE_RATE * (square - this.#noise);
  }

  #ignorance(rows: number): number {
    return this.#c0 + rows * (this.#c1 + rows * this.#c2);
  }

  #plan(rows: number): number {
    const size = Math.max(rows, this.#flatBelow);
    const ignorance = Math.max(0, this.#ignorance(size));
    return this.#planFixed + this.#planPerRow * size + CAUTION * Math.sqrt(ignorance);
  }

  #refresh(fit: ServiceTimeFit): void {
    const margin = this.#excess.at(this.#quantile) + this.#guard.extra;
    this.#margin = Math.min(MAX_MARGIN, Math.max(MIN_MARGIN, margin)); // invariant 1
    this.#planFixed = fit.fixedMs * (1 + this.#margin);
    this.#planPerRow = fit.perRowMs * (1 + this.#margin);
    [this.#c0, this.#c1, this.#c2] = fit.variance();
    // Ignorance falls towards the sizes that are seen; where it falls faster than the line rises, the time of the
    // larger batch bounds that of the smaller. That is left of the minimum of the plan, which is convex.
    const centre = -this.#c1 / (2 * this.#c2);
    const least = Math.max(0, this.#ignorance(centre));
    const room = CAUTION ** 2 * this.#c2 - this.#planPerRow ** 2;
    const left = room > 0 ? Math.sqrt((this.#planPerRow ** 2 * least) / (this.#c2 * room)) : Infinity;
    this.#flatBelow = Math.max(0, centre - left);
  }
}
