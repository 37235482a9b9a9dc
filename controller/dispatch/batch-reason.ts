// "Why was my request not batched?": one word for each batch, why it had no more rows. Counted per request, and told to
// whoever asks.

import type { Entry } from "./entry.ts";

export const BATCH_REASONS = [
  /** It had as many rows as a batch may have. */
  "full",
  /** A replica was idle, and nothing else waited that could have come along. */
  "replica_idle",
  /** Several replicas were idle and shared what waited. */
  "shared",
  /** It was enough for what arrives; a larger one would only have taken longer. */
  "sufficient",
  /** It waited for company as long as it may. */
  "waited",
  /** A larger one would have been late for somebody in it. */
  "deadline",
  /** What else waited has other inputs, shapes or outputs. */
  "different",
  /** The next one in line has more rows than there was room for. */
  "next_too_large",
  /** The replica has as many requests as max_ongoing_requests allows. */
  "replica_full",
  /** It runs by itself: its batch failed before, or its replica died. */
  "alone",
  /** A whole web request. */
  "web_request",
  /** Batches of this deployment have one row. */
  "unbatched",
] as const;

export type BatchReason = (typeof BATCH_REASONS)[number];

/** What is known when a batch has been taken from the queue. */
export interface TakenBatch {
  readonly entries: readonly Entry[];
  readonly rows: number;
  /** Why the decision asked for no more. */
  readonly decided: BatchReason;
  /** What the decision asked for. */
  readonly limits: { readonly rows: number; readonly requests: number };
  readonly maxBatchSize: number;
  /** Rows still queued that could have come along, and requests still queued. */
  readonly left: { readonly alike: number; readonly requests: number };
}

/** The word for a batch. */
export function reasonOf({ entries, rows, decided, limits, maxBatchSize, left }: TakenBatch): BatchReason {
  const [head] = entries;
  if (head?.work.kind === "fetch") return "web_request";
  if (head?.alone === true) return "alone";
  if (maxBatchSize === 1) return "unbatched";
  if (rows >= maxBatchSize) return "full";
  if (left.alike === 0) {
    if (decided === "waited") return decided;
    return left.requests > 0 ? "different" : "replica_idle";
  }
  if (entries.length >= limits.requests) return "replica_full";
  if (rows >= limits.rows) return decided;
  return limits.rows >= maxBatchSize ? "next_too_large" : decided;
}
