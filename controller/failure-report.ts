// Why a replica failed, as whoever plans is told.

import { type ErrorCode, messageOf, ShoalError } from "../runtime/base/index.ts";
import type { FailureReport } from "./reconcile/index.ts";

/** What the next start would throw too. */
const PERMANENT: ReadonlySet<ErrorCode> = new Set([
  "INVALID_CONFIG",
  "INVALID_ARGUMENT",
  "MODEL_LOAD_FAILED",
  "NOT_FOUND",
  "UNSUPPORTED",
]);

export function failureReport(
  thrown: unknown,
  { atMs, logLines }: Pick<FailureReport, "atMs" | "logLines">,
): FailureReport {
  const permanent = thrown instanceof ShoalError && PERMANENT.has(thrown.code);
  return { atMs, message: messageOf(thrown), logLines, permanent };
}
