// How bursty arrivals are: the index of dispersion of one-second counts, variance over mean, 1 for Poisson.
//
// 1. A change of level is no burstiness: it goes by differences between neighbouring seconds, without the four largest,
//    so that neither a ramp nor two steps within the minute make the fast path blind.

const LEFT_OUT = 4;
/** Of normal differences, the four largest of sixty hold a third of the squares. */
const SHARE_LEFT = 0.66;
const FEWEST = 10;

/** Of counts per second, in order of time; at least 1, and 1 while there are too few. */
export function dispersionOf(counts: readonly number[]): number {
  const squares: number[] = [];
  let total = 0;
  for (let n = 1; n < counts.length; n++) {
    const [before = 0, now = 0] = [counts[n - 1], counts[n]];
    squares.push((now - before) ** 2);
    total += now;
  }
  if (squares.length < FEWEST || total === 0) return 1;
  squares.sort((a, b) => a - b);
  const kept = squares.slice(0, -LEFT_OUT).reduce((sum, square) => sum + square, 0); // invariant 1
  const mean = total / squares.length;
  return Math.max(1, kept / (2 * SHARE_LEFT * squares.length) / mean);
}
