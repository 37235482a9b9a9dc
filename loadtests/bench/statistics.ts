// The little statistics that the benchmarks need. Pure.

/** The middle value; the mean of the two middle ones when their number is even. NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** How far the values lie apart, as a share of their median: (largest - smallest) / median. */
export function spreadRatio(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The median of the slopes between all pairs of points (Theil 1950, Sen 1968): one odd sample does not tilt it. */
export function slope(points: readonly Point[]): number {
  const slopes = points.flatMap((left, index) =>
    points
      .slice(index + 1)
      .filter((right) => right.x !== left.x)
      .map((right) => (right.y - left.y) / (right.x - left.x)),
  );
  return median(slopes);
}
