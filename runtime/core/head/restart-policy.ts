// Whether and when an actor's process is started again after it ended by itself. Pure.
//
// 1. `maxRestarts` counts over the actor's whole life, as in Ray; only the back-off forgets.

import { type ExitReason, isFinal } from "./exit-reason.ts";

export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** After being ALIVE for this long a crash counts as the first one again. */
  readonly stableMs: number;
}

/** Ray's pace for unavailable actors: 100 ms doubling to 5 s. */
export const DEFAULT_BACKOFF: BackoffPolicy = { initialMs: 100, maxMs: 5_000, factor: 2, stableMs: 60_000 };

export interface RestartRecord {
  /** Restarts so far, over the actor's life. */
  readonly restarts: number;
  /** Restarts since the actor was last ALIVE for `stableMs`. */
  readonly streak: number;
}

export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number }
  | { readonly kind: "final"; readonly why: string };

/** Decides after an end nobody asked for. `maxRestarts` -1 is without limit. */
export function decideRestart(
  reason: ExitReason,
  record: RestartRecord,
  policy: { readonly maxRestarts: number; readonly backoff: BackoffPolicy },
): RestartDecision {
  if (isFinal(reason)) return { kind: "final", why: "trying again cannot help" };
  if (policy.maxRestarts !== -1 && record.restarts >= policy.maxRestarts) {
    return { kind: "final", why: `${record.restarts} of ${policy.maxRestarts} restarts used` };
  }
  return { kind: "restart", delayMs: backoffMs(policy.backoff, record.streak) };
}

/** The pause before restart number `streak` (from 0) of a row. */
export function backoffMs(backoff: BackoffPolicy, streak: number): number {
  return Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** streak);
}
