// How high demand has been in the last two minutes: the highest mean of ten seconds, but for what is rising now.

import type { LoadReading } from "../load/load-tracker.ts";

/** Twice what a minute's mean sees: on and off within it is one level. */
const SPAN_S = 120;
const MEAN_S = 10;
/** The newest seconds are of the rise that is held against this. */
const RISING_S = 10;

/** Rows per second; 0 where there were not ten seconds before. */
export function highestOfTwoMinutes(load: Pick<LoadReading, "eachSecond">): number {
  const rows: number[] = [];
  load.eachSecond((count, ageS) => {
    if (ageS > RISING_S && ageS <= SPAN_S) rows.push(count);
  });
  let [sum, highest] = [0, 0];
  for (const [index, count] of rows.entries()) {
    sum += count - (rows[index - MEAN_S] ?? 0);
    if (index >= MEAN_S - 1) highest = Math.max(highest, sum / MEAN_S);
  }
  return highest;
}
