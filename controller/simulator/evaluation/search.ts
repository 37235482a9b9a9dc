// The largest rate at which a system answers 99 % of requests in time, by halving, all seeds at once or each by itself.

import { type ExperimentResult } from "../run/experiment.ts";

export interface RateSearch {
  /** A rate taken for too high without trying. */
  readonly highest: number;
  /** Share of requests to be good. Default 0.99. */
  readonly attainment?: number;
  /** Times the interval is halved. Default 7. */
  readonly steps?: number;
  readonly run: (perSecond: number) => Promise<ExperimentResult>;
}

/** Requests per second; 0 when not even the lowest rate tried was served. */
export async function largestRate({
  highest,
  attainment = 0.99,
  steps = 7,
  run,
}: RateSearch): Promise<number> {
  let [low, high] = [0, highest];
  for (let step = 0; step < steps; step++) {
    const middle = (low + high) / 2;
    const { attainment: reached } = await run(middle);
    if (reached >= attainment) low = middle;
    else high = middle;
  }
  return low;
}
