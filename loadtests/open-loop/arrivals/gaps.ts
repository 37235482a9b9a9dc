// Renewal processes: endless gaps between arrivals, with mean 1, drawn from a seeded generator. Pure.
//
// 1. The first gap is that of a process which has been running for ever (the equilibrium one), so the expected
//    number of arrivals in any stretch is its length, however bursty the process.

import type { Random } from "../../models/random.ts";

/** How arrivals follow each other; `cv` is the gaps' standard deviation over their mean: 0 constant, 1 Poisson. */
export type ArrivalProcess =
  | { readonly kind: "constant" }
  | { readonly kind: "poisson" }
  | { readonly kind: "gamma"; readonly cv: number };

/** Gaps with mean 1, without end. */
export function* unitGaps(process: ArrivalProcess, random: Random): Generator<number, never> {
  if (process.kind === "constant") {
    // The middle of the first interval: n intervals have exactly n arrivals.
    yield 0.5;
    for (;;) yield 1;
  }
  if (process.kind === "poisson") for (;;) yield -Math.log(1 - random.uniform());
  const shape = 1 / process.cv ** 2;
  // Invariant 1: a uniform part of a gap chosen in proportion to its length, which is a Gamma of one shape more.
  yield (random.uniform() * gamma(shape + 1, random)) / shape;
  for (;;) yield gamma(shape, random) / shape;
}

/** A Gamma variate with scale 1 (Marsaglia and Tsang, A simple method for generating gamma variables, 2000). */
export function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
