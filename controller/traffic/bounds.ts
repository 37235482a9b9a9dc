// How sure one can be of a rate or a quantile after so many requests. `z` is the number of standard deviations: 1.645
// leaves 5 % on one side, 3.3 leaves 0.05 %.

import { bucketAt, edgeMsOf, type LatencyCounts } from "./latency-counts.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Where the true rate lies when `hits` of `total` were seen (Wilson, 1927): sound for few requests and rare hits. */
export function rateInterval(hits: number, total: number, z: number): Interval {
  if (total === 0) return { low: 0, high: 1 };
  const rate = hits / total;
  const spread = z * Math.sqrt((rate * (1 - rate)) / total + z ** 2 / (4 * total ** 2));
  const middle = rate + z ** 2 / (2 * total);
  const scale = 1 + z ** 2 / total;
  return { low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) };
}

export interface Count {
  readonly hits: number;
  readonly total: number;
}

/** The rate of `a` is surely above that of `b`: the difference's own interval (Newcombe, 1998) lies above 0. */
export function isSurelyMore(a: Count, b: Count, z: number): boolean {
  if (a.total === 0 || b.total === 0) return false;
  const [rateA, rateB] = [a.hits / a.total, b.hits / b.total];
  const below = rateA - rateInterval(a.hits, a.total, z).low;
  const above = rateInterval(b.hits, b.total, z).high - rateB;
  return rateA - rateB > Math.hypot(below, above);
}

/**
 * Where a quantile of latency lies, in milliseconds, by the order of what was seen and nothing else; `high` is
 * infinite when too few were seen to tell.
 */
export function quantileInterval(counts: LatencyCounts, quantile: number, z: number): Interval {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const middle = total * quantile;
  const spread = z * Math.sqrt(total * quantile * (1 - quantile));
  const low = bucketAt(counts, Math.floor(middle - spread));
  const high = bucketAt(counts, Math.ceil(middle + spread) + 1);
  return {
    low: low === undefined ? 0 : edgeMsOf(low),
    high: high === undefined ? Number.POSITIVE_INFINITY : edgeMsOf(high + 1),
  };
}
