// What a module threw, as one of our errors.
//
// 1. An error blames the request only when it says so: a ShoalError of ours, `code: "INVALID_ARGUMENT"`, or a
//    `status` from 400 to 499. Everything else is the model's failure.

import { type ErrorCode, messageOf, ShoalError } from "../base/index.ts";
import { cancelled } from "./cancelled.ts";

const CODE_OF_STATUS = new Map<unknown, ErrorCode>([
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "NOT_FOUND"],
  [413, "BODY_TOO_LARGE"],
  [429, "QUEUE_FULL"],
]);

/** `what` is the step, such as `Text.infer()`. The user's stack stays in `cause`. */
export function moduleFailure(thrown: unknown, what: string, signal?: AbortSignal): ShoalError {
  if (thrown instanceof ShoalError) return thrown;
  if (signal?.aborted && thrown === signal.reason) return cancelled(signal);
  const message = messageOf(thrown);
  const blamed = blamedCode(thrown);
  if (blamed !== undefined) return new ShoalError(blamed, message, { cause: thrown });
  return new ShoalError("ENGINE_FAILED", `${what} failed: ${message}`, { cause: thrown });
}

/** Invariant 1. */
function blamedCode(thrown: unknown): ErrorCode | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  if (Reflect.get(thrown, "code") === "INVALID_ARGUMENT") return "INVALID_ARGUMENT";
  const status: unknown = Reflect.get(thrown, "status");
  if (typeof status !== "number" || status < 400 || status > 499) return undefined;
  return CODE_OF_STATUS.get(status) ?? "INVALID_ARGUMENT";
}
