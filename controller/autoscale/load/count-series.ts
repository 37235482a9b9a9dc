// Things that happen, counted in buckets of wall time: a ring, so memory is constant and reading is a sum.

export interface SeriesOptions {
  readonly bucketMs: number;
  readonly buckets: number;
}

export class CountSeries {
  readonly bucketMs: number;
  readonly #values: Float64Array;
  /** Number of the newest bucket, counted from time zero. */
  #newest = Number.NEGATIVE_INFINITY;

  constructor(options: SeriesOptions) {
    this.bucketMs = options.bucketMs;
    this.#values = new Float64Array(options.buckets);
  }

  get length(): number {
    return this.#values.length;
  }

  /** Opens the bucket of `nowMs`, and empty ones for the time in which nothing happened. */
  advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.bucketMs);
    if (bucket <= this.#newest) return;
    const size = this.#values.length;
    const opened = bucket - this.#newest;
    if (opened >= size) this.#values.fill(0);
    else for (let n = 1; n <= opened; n++) this.#values[(this.#newest + n) % size] = 0;
    this.#newest = bucket;
  }

  add(count: number, nowMs: number): void {
    this.advance(nowMs);
    const slot = this.#newest % this.#values.length;
    this.#values[slot] = (this.#values[slot] ?? 0) + count;
  }

  /** The count of the bucket `age` buckets before the newest. */
  at(age: number): number {
    const size = this.#values.length;
    if (age >= size || this.#newest < 0) return 0;
    return this.#values[(((this.#newest - age) % size) + size) % size] ?? 0;
  }

  /** Sum of the newest `buckets`. */
  sum(buckets: number): number {
    let total = 0;
    for (let age = 0; age < Math.min(buckets, this.#values.length); age++) total += this.at(age);
    return total;
  }

  /** Wall time that the newest `buckets` cover at `nowMs`, the last of them in part. */
  coveredMs(buckets: number, nowMs: number): number {
    return (
      (Math.min(buckets, this.#values.length) - 1) * this.bucketMs + (nowMs - this.#newest * this.bucketMs)
    );
  }
}
