// The decisions of the dispatcher as functions of what is known and the time: no I/O, no clock.
//
// 1. With an idle replica the wait is zero: what is queued goes.
// 2. While every replica is busy, a batch that is not full waits for company, at most `batchWaitTimeoutMs`; what can
//    have none does not wait.
// 3. Several idle replicas share what is queued instead of one taking it all.
// 4. A suspect gets a replica to itself: should that die, it was the suspect and nobody else.

import type { BatchOutcome } from "./replica-link.ts";

export interface DispatchPolicy {
  /** Largest batch, in rows. */
  readonly maxBatchSize: number;
  /** Longest wait of a request for company while no replica is idle. */
  readonly batchWaitTimeoutMs: number;
  /** Batches a replica may have at once: the one it runs and those already on the way. */
  readonly maxConcurrentBatches: number;
  /** Requests a replica may have at once. */
  readonly maxOngoingRequests: number;
  /** Requests that may wait; the next is refused. */
  readonly maxQueuedRequests: number;
  /** Whether a request that a dead replica may have run can be run again. */
  readonly idempotent: boolean;
}

/** What a decision knows of one replica. */
export interface SlotView {
  readonly ongoingBatches: number;
  readonly ongoingRequests: number;
  /** It runs a suspect, which gets no company. */
  readonly reserved: boolean;
}

export interface Waiting {
  /** Rows that could go in one batch with the oldest request. */
  readonly headRows: number;
  /** When the oldest request entered the queue. */
  readonly headQueuedMs: number;
  /** The oldest request shares no batch, whatever else waits. */
  readonly headAlone: boolean;
  /** The oldest request was at a replica that died. */
  readonly headSuspect: boolean;
}

export type Decision<S> =
  | { readonly kind: "send"; readonly slot: S; readonly rows: number; readonly requests: number }
  | { readonly kind: "wait"; readonly untilMs: number }
  /** No replica has room; the next to finish asks again. */
  | { readonly kind: "full" };

const FULL = { kind: "full" } as const;

/** What to do with the head of the queue now. */
export function decide<S extends SlotView>(
  waiting: Waiting,
  slots: readonly S[],
  { policy, nowMs }: { readonly policy: DispatchPolicy; readonly nowMs: number },
): Decision<S> {
  let best: S | undefined;
  let idle = 0;
  const maxBatches = waiting.headSuspect ? 1 : policy.maxConcurrentBatches; // invariant 4
  for (const slot of slots) {
    if (slot.reserved) continue;
    if (slot.ongoingBatches === 0) idle++;
    const room = slot.ongoingBatches < maxBatches && slot.ongoingRequests < policy.maxOngoingRequests;
    if (room && (best === undefined || slot.ongoingBatches < best.ongoingBatches)) best = slot;
  }
  if (best === undefined) return FULL;
  const requests = policy.maxOngoingRequests - best.ongoingRequests;
  if (best.ongoingBatches === 0) {
    const share = Math.ceil(waiting.headRows / idle); // invariants 1 and 3
    return { kind: "send", slot: best, rows: Math.min(share, policy.maxBatchSize), requests };
  }
  const untilMs = waiting.headQueuedMs + policy.batchWaitTimeoutMs; // invariant 2
  const mayGrow = waiting.headRows < policy.maxBatchSize && !waiting.headAlone;
  if (mayGrow && nowMs < untilMs) return { kind: "wait", untilMs };
  return { kind: "send", slot: best, rows: policy.maxBatchSize, requests };
}

/** What becomes of the members of a batch that was not answered. */
export type Aftermath = "fail" | "requeue" | "requeue-alone";

/** Times a request may come back unanswered through no fault of its own before it fails. */
export const MAX_RETURNS = 3;

export function afterUnanswered(
  outcome: Exclude<BatchOutcome, { kind: "done" }>,
  batch: { readonly requests: number; readonly suspect: boolean; readonly returns: number },
  policy: Pick<DispatchPolicy, "idempotent">,
): Aftermath {
  switch (outcome.kind) {
    case "failed":
      // Nobody is told before each has had its own run.
      return batch.requests > 1 ? "requeue-alone" : "fail";
    case "refused":
      return batch.returns < MAX_RETURNS ? "requeue" : "fail";
    case "lost":
      if (!outcome.delivered) return batch.returns < MAX_RETURNS ? "requeue" : "fail";
      if (!policy.idempotent) return "fail";
      // It may have killed the replica: it gets one more chance, with a replica to itself.
      return batch.suspect ? "fail" : "requeue-alone";
  }
}
