// A level that changes in steps, such as requests under way, over buckets of wall time: its mean by time, its largest
// and smallest value over a window. Constant memory.

import type { SeriesOptions } from "./count-series.ts";

export class StepSeries {
  readonly #bucketMs: number;
  readonly #size: number;
  /** Level × milliseconds. */
  readonly #areas: Float64Array;
  readonly #largest: Float64Array;
  readonly #smallest: Float64Array;
  #newest = Number.NEGATIVE_INFINITY;
  #level = 0;
  /** Up to where the level is accounted for. */
  #accountedMs = Number.NEGATIVE_INFINITY;
  #bornMs = 0;

  constructor(options: SeriesOptions) {
    this.#bucketMs = options.bucketMs;
    this.#size = options.buckets;
    this.#areas = new Float64Array(options.buckets);
    this.#largest = new Float64Array(options.buckets);
    this.#smallest = new Float64Array(options.buckets);
  }

  /** The level from `nowMs` on. */
  set(level: number, nowMs: number): void {
    this.advance(nowMs);
    this.#level = level;
    const slot = this.#newest % this.#size;
    this.#largest[slot] = Math.max(this.#largest[slot] ?? 0, level);
    this.#smallest[slot] = Math.min(this.#smallest[slot] ?? 0, level);
  }

  /** Accounts for the level up to `nowMs`. */
  advance(nowMs: number): void {
    if (this.#accountedMs === Number.NEGATIVE_INFINITY) {
      this.#accountedMs = this.#bornMs = nowMs;
      this.#newest = Math.floor(nowMs / this.#bucketMs);
    }
    if (nowMs <= this.#accountedMs) return;
    const bucket = Math.floor(nowMs / this.#bucketMs);
    if (bucket - this.#newest > this.#size) {
      // Older than the ring: what happened there can be in no window.
      this.#newest = bucket - this.#size - 1;
      this.#accountedMs = (this.#newest + 1) * this.#bucketMs;
    }
    while (this.#newest < bucket) {
      const endMs = (this.#newest + 1) * this.#bucketMs;
      this.#account(endMs);
      this.#newest++;
      const slot = this.#newest % this.#size;
      this.#areas[slot] = 0;
      this.#largest[slot] = this.#smallest[slot] = this.#level;
    }
    this.#account(nowMs);
  }

  /** Mean by time over the newest `windowMs`, or over all there is when that is less. */
  mean(windowMs: number): number {
    let area = 0;
    const buckets = this.#bucketsOf(windowMs);
    for (let age = 0; age < buckets; age++) area += this.#areas[this.#slot(age)] ?? 0;
    const fromMs = Math.max(this.#bornMs, (this.#newest - buckets + 1) * this.#bucketMs);
    const coveredMs = this.#accountedMs - fromMs;
    return coveredMs > 0 ? area / coveredMs : this.#level;
  }

  max(windowMs: number): number {
    let largest = this.#level;
    for (let age = 0; age < this.#bucketsOf(windowMs); age++) {
      largest = Math.max(largest, this.#largest[this.#slot(age)] ?? 0);
    }
    return largest;
  }

  min(windowMs: number): number {
    let smallest = this.#level;
    for (let age = 0; age < this.#bucketsOf(windowMs); age++) {
      smallest = Math.min(smallest, this.#smallest[this.#slot(age)] ?? 0);
    }
    return smallest;
  }

  #account(untilMs: number): void {
    if (untilMs <= this.#accountedMs) return;
    const slot = this.#newest % this.#size;
    this.#areas[slot] = (this.#areas[slot] ?? 0) + this.#level * (untilMs - this.#accountedMs);
    this.#accountedMs = untilMs;
  }

  /** Buckets of the window that there are: none from before the first event. */
  #bucketsOf(windowMs: number): number {
    const lived = this.#newest - Math.floor(this.#bornMs / this.#bucketMs) + 1;
    return Math.max(1, Math.min(Math.ceil(windowMs / this.#bucketMs), this.#size, lived));
  }

  #slot(age: number): number {
    return (((this.#newest - age) % this.#size) + this.#size) % this.#size;
  }
}
