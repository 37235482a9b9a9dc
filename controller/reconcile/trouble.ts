// The failures of one version of a deployment: how many, when the next start may be, and when it is enough.
//
// 1. Failures of one round count as one towards the wait: ten replicas that fail together double it once.
// 2. A replica that has proven itself ends the wait; a death after that is no sign of a crash loop.

import type { FailureReport } from "./observed.ts";

export interface ReplicaFailure extends FailureReport {
  readonly replicaId: string;
  readonly during: "allocation" | "start" | "run" | "check" | "reconfigure";
  /** How long it had run; undefined when it never did. */
  readonly ranMs: number | undefined;
}

export interface Trouble {
  /** Since the version was last tried afresh. */
  readonly failures: number;
  /** One of them would come again, however often it is tried. */
  readonly permanent: boolean;
  /** Doublings of the wait; 0 for no wait. */
  readonly level: number;
  /** When the level last rose. */
  readonly raisedMs: number;
  /** No start of this version before. */
  readonly retryAtMs: number;
  /** Early deaths that were replaced at once. */
  readonly spared: number;
  readonly last: ReplicaFailure;
}

/** The wait after the first failure; each further round doubles it. */
export const FIRST_WAIT_MS = 1_000;
export const LONGEST_WAIT_MS = 60_000;

export interface FailureContext {
  readonly startedMs: number;
  readonly minReadyMs: number;
  /** Early deaths of running replicas to be replaced at once; 0 for a version that has yet to prove itself. */
  readonly spare: number;
  /** A version on trial: a death counts however long the replica had run. */
  readonly onTrial: boolean;
}

/** The trouble after one more failure. */
export function withFailure(
  before: Trouble | undefined,
  last: ReplicaFailure,
  { startedMs, minReadyMs, spare, onTrial }: FailureContext,
): Trouble | undefined {
  const early = last.ranMs === undefined || last.ranMs < minReadyMs || last.during === "reconfigure";
  if (!early && !onTrial) return before; // invariant 2
  const was = before ?? { ...CALM, last };
  const counted = {
    ...was,
    failures: was.failures + 1,
    permanent: was.permanent || last.permanent,
    last,
  };
  if (!early) return counted;
  if (last.ranMs !== undefined && last.during !== "reconfigure" && was.spared < spare)
    return { ...counted, spared: was.spared + 1 };
  // Invariant 1. A reconfigure goes to a replica that may have started long ago.
  if (was.level > 0 && startedMs < was.raisedMs && last.during !== "reconfigure") return counted;
  const level = was.level + 1;
  return { ...counted, level, raisedMs: last.atMs, retryAtMs: last.atMs + waitOf(level) };
}

/** The trouble once a replica that started at `startedMs` has proven itself; undefined when it is over. */
export function afterProof(
  before: Trouble,
  startedMs: number,
  { onTrial }: { readonly onTrial: boolean },
): Trouble | undefined {
  if (startedMs < before.raisedMs) return before;
  if (!onTrial) return undefined; // invariant 2
  // A rollout may not fail for ever just because some of it works.
  if (before.level === 0 && before.spared === 0) return before;
  return { ...before, level: 0, spared: 0, retryAtMs: before.raisedMs };
}

/**
 * Failures that are allowed: Ray's `max_constructor_retry_count` for each of the replicas that start at a time, at
 * most 20 unless the config asks for more.
 */
export function allowedFailures(maxRetries: number, atATime: number): number {
  return Math.max(maxRetries, Math.min(maxRetries * atATime, MOST_FAILURES));
}

export function isHopeless(trouble: Trouble | undefined, allowed: number): boolean {
  return trouble !== undefined && (trouble.permanent || trouble.failures > allowed);
}

/** One line for people: which replica, when, what. */
export function describeFailure({ replicaId, during, ranMs, message }: ReplicaFailure): string {
  const what = {
    allocation: "cannot be placed",
    start: "failed to start",
    run: `died after ${((ranMs ?? 0) / 1000).toFixed(1)} s`,
    check: "failed its health checks",
    reconfigure: "failed to take the new user_config",
  }[during];
  return `replica "${replicaId}" ${what}: ${message}`;
}

const CALM = {
  failures: 0,
  permanent: false,
  level: 0,
  raisedMs: Number.NEGATIVE_INFINITY,
  retryAtMs: Number.NEGATIVE_INFINITY,
  spared: 0,
} as const;

/** Ray Serve's bound. */
const MOST_FAILURES = 20;

function waitOf(level: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (level - 1), LONGEST_WAIT_MS);
}
