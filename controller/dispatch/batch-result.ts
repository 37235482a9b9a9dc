// What a batch that was not answered says of the replica that had it. Pure.

import { ERROR_CODES } from "../../runtime/base/index.ts";
import type { Result } from "./outliers.ts";
import type { BatchOutcome } from "./replica-link.ts";

/** From this HTTP status on an error is the replica's fault and not the request's. */
export const FAULT_STATUS = 500;

/** Undefined when it says nothing: the replica did not run it, or its caller went away. */
export function resultOf(outcome: Exclude<BatchOutcome, { kind: "done" }>): Result | undefined {
  const { code } = outcome.error;
  if (outcome.kind === "refused" || code === "CANCELLED") return undefined;
  // What a replica has against a request is an answer.
  return ERROR_CODES[code].httpStatus < FAULT_STATUS ? "good" : "failed";
}
