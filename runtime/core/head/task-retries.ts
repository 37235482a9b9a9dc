// Whether a task is tried again.

import type { ShoalError } from "../../base/index.ts";
import type { RetryOn } from "../workers/messages.ts";
import type { TaskRecord } from "./task-record.ts";

/** -1 is without end. */
export function hasRetry({ spec, attempt }: Pick<TaskRecord, "spec" | "attempt">): boolean {
  return spec.maxRetries === -1 || attempt <= spec.maxRetries;
}

/** Whether what a task threw is among what it is tried again for. */
export function retriesOn(retryOn: RetryOn, error: ShoalError, errorName: string): boolean {
  if (retryOn === "none") return false;
  return retryOn === "all" || retryOn.includes(errorName) || retryOn.includes(error.code);
}
