// What several scenarios serve: batches of up to four rows in a quarter of a second, 16 rows a second. Slow, so that rates
// are low and what a busy machine adds is small beside it.

import type { Sleep } from "../sleepers.ts";

export const SLEEP: Sleep = { fixedMs: 150, perRowMs: 25, maxBatch: 4 };
/** From arrival to answer: three full batches. */
export const OBJECTIVE_MS = 750;

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
