// What was thrown, as a gRPC status: a code that stays the same, and a message free of paths and stacks.

import type { ServerErrorResponse } from "@grpc/grpc-js";
import { asShoalError, ShoalError } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";

/** What nobody expected is logged, and told as no more than that. */
export function statusOf(thrown: unknown, log: Logger): ServerErrorResponse {
  const error =
    thrown instanceof ShoalError ? thrown : new ShoalError("INTERNAL", "Internal error", { cause: thrown });
  if (error.kind.httpStatus === 500) log.error({ err: asShoalError(thrown) }, "a gRPC call failed");
  return Object.assign(new Error(error.publicMessage), {
    code: error.kind.grpcStatus,
    details: error.publicMessage,
  });
}
