// What a request says of its standing among others, and what it is told of its batch.
//
//   x-shoal-priority: high | normal | low      wins over the V2 parameter `priority`: the edge knows better than the client
//   x-shoal-debug: batching                    answered by x-shoal-batching: reason=full; requests=4; rows=8; queue_ms=1.20

import type { FastifyRequest } from "fastify";
import {
  type Claim,
  type InferResult,
  PRIORITIES,
  type Priority,
  type ServedDeployment,
} from "../../controller/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";

const PRIORITY_HEADER = "x-shoal-priority";
const DEBUG_HEADER = "x-shoal-debug";
const BATCHING_HEADER = "x-shoal-batching";

/** What is longer is cut: a tenant's name is kept while it has requests. */
const MAX_TENANT_LENGTH = 256;

/** `asked` is the priority in the request itself. Throws INVALID_ARGUMENT on a priority that is none. */
export function claimOf(request: FastifyRequest, { dispatcher }: ServedDeployment, asked?: Priority): Claim {
  const priority = priorityOf(request) ?? asked;
  const { tenants } = dispatcher.policy;
  const tenant = tenants === undefined ? undefined : request.headers[tenants.header]?.toString();
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(tenant === undefined ? {} : { tenant: tenant.slice(0, MAX_TENANT_LENGTH) }),
  };
}

function priorityOf(request: FastifyRequest): Priority | undefined {
  const found = request.headers[PRIORITY_HEADER];
  if (found === undefined) return undefined;
  const priority = PRIORITIES.find((one) => one === found.toString().toLowerCase());
  if (priority !== undefined) return priority;
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read header ${PRIORITY_HEADER}: found "${found.toString().slice(0, 100)}", wanted ${PRIORITIES.join(", ")}`,
  );
}

/** The headers that tell a request of its batch, when it asked. */
export function batchingHeaders(
  request: FastifyRequest,
  { batch, timings }: InferResult,
): Readonly<Record<string, string>> {
  const asked = request.headers[DEBUG_HEADER];
  if (asked === undefined || !/(^|,)\s*batching\s*(,|$)/i.test(asked.toString())) return {};
  const { reason, requests, rows } = batch;
  const queueMs = (timings.queueNs / 1e6).toFixed(2);
  return { [BATCHING_HEADER]: `reason=${reason}; requests=${requests}; rows=${rows}; queue_ms=${queueMs}` };
}
