// What a gateway tells of the time that batches take: plain data, so that it can cross a channel.

import type { LatencyModel } from "../latency-model/index.ts";

/** What was learnt: fixed + perRow · rows. */
export interface ServiceLine {
  readonly fixedMs: number;
  readonly perRowMs: number;
  /** What a plan adds to the mean, relative. */
  readonly margin: number;
  /** Standard deviation, relative. */
  readonly noise: number;
  /** Batches that it was learnt from. */
  readonly batches: number;
}

/** Undefined before the first batch. */
export function serviceLineOf({ line, margin, noise, observations }: LatencyModel): ServiceLine | undefined {
  return line && { ...line, margin, noise, batches: observations };
}
