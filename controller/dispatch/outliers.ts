// Whether a replica's results are so much worse than its siblings' that it should get no requests for a while, for how long,
// and who comes back. Pure: functions of counts and the time.
//
// 1. What is bad everywhere is no replica's own: each is held against the others' results of the same time.
// 2. The last usable replica is never ejected, nor more than a share of all, but one always may be.
// 3. Each ejection lasts twice as long as the one before, up to a bound, and is forgiven by a long row of good results.

export interface OutlierPolicy {
  /** Failures in a row that eject. */
  readonly consecutiveFailures: number;
  /** Results of the last half minute, of it and of the others, before shares of failures are compared. */
  readonly minResults: number;
  /** A batch that takes more than so many times what it should is slow; twice `consecutiveFailures` in a row eject. */
  readonly maxLatencyRatio: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Of all replicas, from 0 to 1. */
  readonly maxEjectedShare: number;
}

/** What a batch says of the replica that had it. */
export type Result = "good" | "failed" | "slow";

/** Results of the last while, older ones counting less: no whole numbers. */
export interface Results {
  readonly all: number;
  readonly failed: number;
  readonly slow: number;
}

/** How many results of one kind came last, without another between them. */
export interface Row {
  readonly result: Result;
  readonly length: number;
}

/** A row that would come about by the others' share of such results more often than this is no sign. */
const CHANCE = 1e-4;
/** The share of failures must be above the others' by this much, and by so many standard errors. */
const LEAST_MARGIN = 0.1;
const STANDARD_ERRORS = 4;
/** Good results in a row after which earlier ejections count no more. */
const FORGIVEN_AFTER = 50;

/** Why the replica should be ejected, for people; undefined when it is not worse than the others. */
export function outlierReason(
  row: Row,
  { own, others }: { readonly own: Results; readonly others: Results },
  policy: OutlierPolicy,
): string | undefined {
  const { consecutiveFailures, minResults } = policy;
  // With nothing known of the others, it is tried whether they do better.
  if (row.result === "failed" && row.length >= consecutiveFailures && isOdd(row, others.failed, others))
    return `${row.length} failures in a row, ${share(others.failed, others)} of the others' results`;
  const comparable = others.all >= minResults;
  if (row.result === "slow" && row.length >= 2 * consecutiveFailures && comparable) {
    // What is slow may be slow by what was asked: that needs others to compare with.
    if (isOdd(row, others.slow, others))
      return `${row.length} slow answers in a row, ${share(others.slow, others)} of the others' results`;
  }
  if (own.all < minResults || !comparable || !isWorse(own, others)) return undefined;
  return `${share(own.failed, own)} failures, ${share(others.failed, others)} of the others' results`;
}

/** Invariant 2. `left` are the usable ones without it. */
export function mayEject(
  { size, ejected, left }: { readonly size: number; readonly ejected: number; readonly left: number },
  policy: OutlierPolicy,
): boolean {
  return left > 0 && ejected < mostEjected(size, policy);
}

/** How long the ejection lasts that is number `times`, counted from 1 (invariant 3). */
export function ejectionMs(times: number, { baseEjectionMs, maxEjectionMs }: OutlierPolicy): number {
  return Math.min(maxEjectionMs, baseEjectionMs * 2 ** (times - 1));
}

/** Whether earlier ejections count no more; `backMs` is how long ago the last one ended. */
export function isForgiven(row: Row, backMs: number, { baseEjectionMs }: OutlierPolicy): boolean {
  return row.result === "good" && row.length >= FORGIVEN_AFTER && backMs >= baseEjectionMs;
}

export interface Ejected {
  readonly untilMs: number;
}

/** Those whose time is over, and those that may no longer be kept out (invariant 2), soonest due first. */
export function comingBack<E extends Ejected>(
  ejected: readonly E[],
  { size, usable, nowMs }: { readonly size: number; readonly usable: number; readonly nowMs: number },
  policy: OutlierPolicy,
): E[] {
  const sorted = ejected.toSorted((a, b) => a.untilMs - b.untilMs);
  const due = sorted.filter(({ untilMs }) => untilMs <= nowMs).length;
  const tooMany = ejected.length - mostEjected(size, policy);
  const needed = usable + Math.max(due, tooMany) > 0 ? 0 : 1;
  return sorted.slice(0, Math.max(0, due, tooMany, needed));
}

function mostEjected(size: number, { maxEjectedShare }: OutlierPolicy): number {
  return Math.max(1, Math.floor(size * maxEjectedShare));
}

/** Invariant 1. */
function isOdd({ length }: Row, count: number, { all }: Results): boolean {
  return all === 0 || (count / all) ** length <= CHANCE;
}

/** Two shares compared as if drawn from one: the difference must be large, and surely no chance. */
function isWorse(own: Results, others: Results): boolean {
  const margin = own.failed / own.all - others.failed / others.all;
  if (margin < LEAST_MARGIN) return false;
  const pooled = (own.failed + others.failed) / (own.all + others.all);
  return margin >= STANDARD_ERRORS * Math.sqrt(pooled * (1 - pooled) * (1 / own.all + 1 / others.all));
}

function share(count: number, { all }: Results): string {
  return all === 0 ? "0 %" : `${Math.round((100 * count) / all)} %`;
}
