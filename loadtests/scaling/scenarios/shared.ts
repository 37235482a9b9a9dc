// What several scenarios serve: batches of up to four rows in a tenth of a second, so that replicas are few and rates low.

import type { Sleep } from "../sleepers.ts";

export const SLEEP: Sleep = { fixedMs: 60, perRowMs: 10, maxBatch: 4 };
/** From arrival to answer: three full batches. */
export const OBJECTIVE_MS = 300;

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
