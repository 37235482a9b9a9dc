// One way to say that somebody gave up.

import { ShoalError } from "../base/index.ts";

/** The typed reason of an aborted signal when it has one (a passed deadline, say), else CANCELLED. */
export function cancelled(signal: AbortSignal): ShoalError {
  const reason: unknown = signal.reason;
  if (reason instanceof ShoalError) return reason;
  return new ShoalError("CANCELLED", "Cannot go on: nobody waits for the answer any more", { cause: reason });
}
