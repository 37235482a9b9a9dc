// Latencies in buckets that grow with the value, as HdrHistogram has them: recording is one addition, and a
// percentile is never off by more than 0.4 %.
//
// 1. Every recorded value is in exactly one bucket, so `count` is the sum of the buckets.

/** Buckets per doubling of the value: half of one of them, 1/256, is the largest relative error. */
const SUB_BUCKETS = 128;
const SUB_BITS = 7;
/** The unit inside: a tenth of a microsecond. The largest value is 2^31 of them, 214 s. */
const TICKS_PER_MS = 10_000;
const MAX_TICKS = 2 ** 31 - 1;

/** A summary in milliseconds, as plain data. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Histogram {
  readonly #counts = new Float64Array(SUB_BUCKETS * (32 - SUB_BITS));
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds one latency; below zero counts as zero, above 214 s as 214 s. */
  record(latencyMs: number): void {
    this.#count++;
    this.#sumMs += latencyMs;
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs;
    const ticks = Math.max(0, Math.min(MAX_TICKS, Math.round(latencyMs * TICKS_PER_MS)));
    const index = bucketOf(ticks);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** The latency that `quantile` (0 to 1) of the values do not exceed, in milliseconds; 0 when nothing was recorded. */
  quantileMs(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(middleOf(index) / TICKS_PER_MS, this.#maxMs);
    }
    return 0;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50Ms: this.quantileMs(0.5),
      p90Ms: this.quantileMs(0.9),
      p99Ms: this.quantileMs(0.99),
      maxMs: this.#maxMs,
    };
  }
}

/** Below 128 a bucket is one tick; above, the seven bits behind the leading one choose it. */
function bucketOf(ticks: number): number {
  if (ticks < SUB_BUCKETS) return ticks;
  const shift = 31 - Math.clz32(ticks) - SUB_BITS;
  return (shift + 1) * SUB_BUCKETS + ((ticks >>> shift) - SUB_BUCKETS);
}

function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const first = (SUB_BUCKETS + (bucket % SUB_BUCKETS)) * 2 ** shift;
  return first + (2 ** shift - 1) / 2;
}
