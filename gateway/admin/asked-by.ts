// Who asks for a change, and from where: what a request's headers say, else what is known of its connection.

import type { FastifyRequest } from "fastify";
import type { Asked } from "../../controller/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";

export function askedBy(request: FastifyRequest): Asked {
  return {
    author: header(request, "shoal-author") ?? `a client at ${request.ip}`,
    source: header(request, "shoal-source") ?? `${request.method} ${request.url.slice(0, 200)}`,
  };
}

/** Headers hold any text as percent-encoded UTF-8. Throws INVALID_ARGUMENT for what is no such text. */
export function header(request: FastifyRequest, name: string): string | undefined {
  const found = request.headers[name];
  if (typeof found !== "string" || found === "") return undefined;
  try {
    return decodeURIComponent(found);
  } catch {
    throw new ShoalError("INVALID_ARGUMENT", `Cannot read the header ${name}: wanted percent-encoded UTF-8`);
  }
}
