// Latencies as counts in buckets that grow by 4.4 %: plain numbers, added over gateway processes by adding.

/** Buckets for each doubling. */
const PER_OCTAVE = 16;
/** log2 of the first bucket's lower edge in milliseconds: 1/16 ms. */
const FIRST = -4;
/** To 2^20 ms, 17 minutes. */
const BUCKETS = 24 * PER_OCTAVE;

/** By bucket; what is faster or slower than the buckets go counts in the first or last. */
export type LatencyCounts = readonly number[];

export const noLatencies = (): number[] => Array.from({ length: BUCKETS }, () => 0);

export function bucketOf(latencyMs: number): number {
  const bucket = Math.floor((Math.log2(latencyMs) - FIRST) * PER_OCTAVE);
  // Of 0 ms the logarithm is minus infinity.
  return bucket > 0 ? Math.min(bucket, BUCKETS - 1) : 0;
}

/** Lower edge of a bucket in milliseconds; that of the next is its upper one. */
export function edgeMsOf(bucket: number): number {
  return 2 ** (bucket / PER_OCTAVE + FIRST);
}

/** The bucket in which the `rank`-th smallest lies, from 1; undefined when there are fewer. */
export function bucketAt(counts: LatencyCounts, rank: number): number | undefined {
  if (rank < 1) return undefined;
  let seen = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    seen += counts[bucket] ?? 0;
    if (seen >= rank) return bucket;
  }
  return undefined;
}

/** The quantile in milliseconds, in the middle of its bucket; undefined when nothing was counted. */
export function quantileMs(counts: LatencyCounts, quantile: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const bucket = bucketAt(counts, Math.max(1, Math.ceil(total * quantile)));
  return bucket === undefined ? undefined : edgeMsOf(bucket + 0.5);
}
