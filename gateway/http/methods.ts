// What is answered to methods that a path does not have: 405 with those it has, and 204 to OPTIONS.

import type { FastifyInstance, FastifyReply } from "fastify";
import { ShoalError } from "../../runtime/base/index.ts";

export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** Declares, for each path, the methods that it has not. */
export function closeMethods(app: FastifyInstance, urls: Iterable<string>): void {
  for (const url of urls) {
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url }));
    app.route({
      method: METHODS.filter((method) => !allowed.includes(method)),
      url,
      schema: { hide: true },
      handler: async (request, reply) => refuseMethod(reply, request.method, allowed),
    });
  }
}

/** Answers OPTIONS; throws METHOD_NOT_ALLOWED for every other method. */
export function refuseMethod(reply: FastifyReply, method: string, allowed: readonly string[]): FastifyReply {
  reply.header("allow", [...new Set([...allowed, "OPTIONS"])].join(", "));
  if (method === "OPTIONS") return reply.status(204).send();
  const path = reply.request.url.slice(0, 200);
  throw new ShoalError("METHOD_NOT_ALLOWED", `Cannot ${method} ${path}: wanted ${allowed.join(" or ")}`, {
    verbatim: true,
  });
}
