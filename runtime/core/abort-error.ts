// What a caller is told after the AbortSignal it gave has fired.

import { messageOf, ShoalError } from "../base/index.ts";

/** A ShoalError given as reason is kept; `AbortSignal.timeout` is DEADLINE_EXCEEDED, all else CANCELLED. */
export function abortError(reason: unknown, what: string): ShoalError {
  if (reason instanceof ShoalError) return reason;
  const timedOut = reason instanceof Error && reason.name === "TimeoutError";
  return new ShoalError(timedOut ? "DEADLINE_EXCEEDED" : "CANCELLED", `${what}: ${messageOf(reason)}`, {
    cause: reason,
  });
}
