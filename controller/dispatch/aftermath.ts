// What becomes of the members of a batch that was not answered: a function of what happened and of how often.
//
// 1. Nobody is told that a batch failed before each of its members has had its own run.
// 2. What may have killed a replica gets one more chance, with a replica to itself.

import type { DispatchPolicy } from "./policy.ts";
import type { BatchOutcome } from "./replica-link.ts";

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
