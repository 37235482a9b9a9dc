// Means and differences over paired seeds, with a 95 % interval from resampling.

import { Random } from "../kernel/random.ts";

export interface Estimate {
  readonly mean: number;
  /** 95 % interval of the mean. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;

/** Mean of values of one seed each, and the bootstrap interval (percentiles of resampled means, from a fixed seed). */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, low: mean, high: mean };
  const random = new Random(count);
  const means = new Float64Array(RESAMPLES);
  for (let n = 0; n < RESAMPLES; n++) {
    let sum = 0;
    for (let k = 0; k < count; k++) sum += values[random.below(count)] ?? 0;
    means[n] = sum / count;
  }
  means.sort();
  const at = (share: number): number => means[Math.round(share * (RESAMPLES - 1))] ?? mean;
  return { mean, low: at(0.025), high: at(0.975) };
}

/** One over the other, seed by seed. */
export function pairedRatio(one: readonly number[], other: readonly number[]): Estimate {
  return estimate(one.map((value, seed) => value / (other[seed] ?? Number.NaN)));
}
