// What to do with the head of the queue where there is no objective: as little waiting as possible. A function of what is
// known and the time: no I/O, no clock. With an objective it is `decide-in-time.ts`.
//
// 1. With an idle replica the wait is zero: what is queued goes.
// 2. While every replica is busy, a batch that is not full waits for company, at most `batchWaitTimeoutMs`; what can
//    have none does not wait.
// 3. Several idle replicas share what is queued instead of one taking it all.
// 4. A suspect gets a replica to itself: should that die, it was the suspect and nobody else.

import type { BatchReason } from "./batch-reason.ts";
import type { DispatchPolicy } from "./policy.ts";

/** What a decision knows of one replica. */
export interface SlotView {
  readonly ongoingBatches: number;
  readonly ongoingRequests: number;
}

/** What it knows of all of them. */
export interface PoolView<S> {
  /** Of those that have room the one with fewest batches; undefined when none has. */
  readonly best: S | undefined;
  /** Those with room that have nothing to do. */
  readonly idle: number;
}

export interface Waiting {
  /** Rows that could go in one batch with the head. */
  readonly headRows: number;
  /** When the head entered the queue. */
  readonly headQueuedMs: number;
  /** The head shares no batch, whatever else waits. */
  readonly headAlone: boolean;
  /** The head was at a replica that died. */
  readonly headSuspect: boolean;
}

export type Decision<S> =
  | {
      readonly kind: "send";
      readonly slot: S;
      /** Most rows. */
      readonly rows: number;
      readonly requests: number;
      /** Why no more rows than these. */
      readonly why: BatchReason;
    }
  | { readonly kind: "wait"; readonly untilMs: number }
  /** No replica has room; the next to finish asks again. */
  | { readonly kind: "full" };

const FULL = { kind: "full" } as const;

/** What to do with the head of the queue now. */
export function decide<S extends SlotView>(
  waiting: Waiting,
  { best, idle }: PoolView<S>,
  { policy, nowMs }: { readonly policy: DispatchPolicy; readonly nowMs: number },
): Decision<S> {
  if (best === undefined || (waiting.headSuspect && best.ongoingBatches > 0)) return FULL; // invariant 4
  const requests = policy.maxOngoingRequests - best.ongoingRequests;
  if (best.ongoingBatches === 0) {
    const share = Math.ceil(waiting.headRows / idle); // invariants 1 and 3
    const rows = Math.min(share, policy.maxBatchSize);
    const why = share < waiting.headRows && rows === share ? "shared" : "replica_idle";
    return { kind: "send", slot: best, rows, requests, why };
  }
  const untilMs = waiting.headQueuedMs + policy.batchWaitTimeoutMs; // invariant 2
  const mayGrow = waiting.headRows < policy.maxBatchSize && !waiting.headAlone;
  if (mayGrow && nowMs < untilMs) return { kind: "wait", untilMs };
  return { kind: "send", slot: best, rows: policy.maxBatchSize, requests, why: "waited" };
}
