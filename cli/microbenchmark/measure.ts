// Times one case the way Ray's `timeit` does: a warm-up, then rounds, each long enough to mean something.

import type { Case } from "./cases.ts";

export interface Figure {
  readonly name: string;
  readonly unit: Case["unit"];
  /** Operations, or gigabytes, a second: the mean of the rounds and their standard deviation. */
  readonly mean: number;
  readonly sd: number;
}

export interface Rounds {
  readonly warmUpMs: number;
  readonly rounds: number;
  readonly roundMs: number;
}

/** Ray's: 1 s of warm-up, 4 rounds of 2 s. */
export const RAY_ROUNDS: Rounds = { warmUpMs: 1_000, rounds: 4, roundMs: 2_000 };
/** One round, but as warm as Ray's: before that it would tell of code that is not compiled and of memory that is taken for the first time. */
export const QUICK_ROUNDS: Rounds = { warmUpMs: 1_000, rounds: 1, roundMs: 1_000 };

export async function measure(one: Case, { warmUpMs, rounds, roundMs }: Rounds): Promise<Figure> {
  const stepRuns = await warmUp(one, warmUpMs);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    let runs = 0;
    while (performance.now() - startMs < roundMs) {
      for (let step = 0; step < stepRuns; step++) await one.run();
      runs += stepRuns;
    }
    rates.push((runs * one.multiplier * 1_000) / (performance.now() - startMs));
  }
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return { name: one.name, unit: one.unit, mean, sd: Math.sqrt(variance) };
}

/** Runs for a while; resolves with how many runs go between two looks at the clock, as Ray's does. */
async function warmUp(one: Case, warmUpMs: number): Promise<number> {
  const startMs = performance.now();
  let runs = 0;
  do {
    await one.run();
    runs++;
  } while (performance.now() - startMs < warmUpMs);
  return Math.max(1, Math.floor(runs / 10));
}
