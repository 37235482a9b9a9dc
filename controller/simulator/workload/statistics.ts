// What a stream of arrivals is like, by the figures in which traces are described: rate, index of dispersion of counts by
// window, peak over mean, empty seconds.

import type { ArrivalStream } from "./arrivals.ts";

export interface ArrivalStatistics {
  readonly arrivals: number;
  readonly perSecond: number;
  /** Variance over mean of the counts of windows of so many seconds; 1 for Poisson. */
  readonly dispersion: Readonly<Record<1 | 10 | 60 | 300, number>>;
  readonly peakOverMean: Readonly<Record<1 | 10 | 60, number>>;
  /** Correlation of neighbouring windows of 10 s. */
  readonly correlation10s: number;
  /** Share of seconds without an arrival. */
  readonly emptyShare: number;
}

export function describeArrivals(stream: ArrivalStream, seconds: number): ArrivalStatistics {
  const counts = new Float64Array(Math.ceil(seconds));
  let arrivals = 0;
  for (let atMs = stream.next(); atMs < seconds * 1_000; atMs = stream.next()) {
    const second = Math.floor(atMs / 1_000);
    counts[second] = (counts[second] ?? 0) + 1;
    arrivals++;
  }
  const of = (window: number): Float64Array => windowed(counts, window);
  return {
    arrivals,
    perSecond: arrivals / seconds,
    dispersion: {
      1: dispersion(counts),
      10: dispersion(of(10)),
      60: dispersion(of(60)),
      300: dispersion(of(300)),
    },
    peakOverMean: { 1: peak(counts), 10: peak(of(10)), 60: peak(of(60)) },
    correlation10s: correlation(of(10)),
    emptyShare: counts.filter((count) => count === 0).length / counts.length,
  };
}

function windowed(counts: Float64Array, seconds: number): Float64Array {
  const sums = new Float64Array(Math.floor(counts.length / seconds));
  for (let n = 0; n < sums.length * seconds; n++) {
    const window = Math.floor(n / seconds);
    sums[window] = (sums[window] ?? 0) + (counts[n] ?? 0);
  }
  return sums;
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function dispersion(values: Float64Array): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1) / centre;
}

function peak(values: Float64Array): number {
  return values.reduce((largest, value) => Math.max(largest, value), 0) / mean(values);
}

function correlation(values: Float64Array): number {
  const centre = mean(values);
  let [joint, own] = [0, 0];
  for (let n = 0; n < values.length; n++) {
    const off = (values[n] ?? 0) - centre;
    own += off * off;
    if (n > 0) joint += off * ((values[n - 1] ?? 0) - centre);
  }
  return joint / own;
}
