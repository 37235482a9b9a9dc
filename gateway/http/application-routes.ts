// The routes of applications: plain JSON for models, the module's own `fetch` for modules that have one.
//
// 1. The route is looked up per request, so what is served may change without the door being rebuilt.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ShoalError } from "../../runtime/base/index.ts";
import { Admission } from "../admission.ts";
import { awaken } from "./awaken.ts";
import { claimOf } from "./claim.ts";
import { METHODS, refuseMethod } from "./methods.ts";
import { answerPlain, type PlainExchange } from "./plain.ts";
import type { RouteContext } from "./v2-routes.ts";
import { answerWith, type Chosen, chooseVersion } from "./versions.ts";
import { forwardWeb } from "./web.ts";

export function addApplicationRoutes(app: FastifyInstance, context: RouteContext): void {
  app.route({
    method: [...METHODS],
    url: "/*",
    schema: { hide: true },
    handler: (request, reply) => answer(request, reply, context),
  });
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  context: RouteContext,
): Promise<FastifyReply> {
  const path = pathOf(request);
  const route = context.catalog.route(path);
  if (route === undefined || path.startsWith("/v2/")) throw noSuchRoute(request.method, path);
  const asked = { request, reply, ...context };
  const routeTimeoutMs = route.requestTimeoutMs ?? Number.POSITIVE_INFINITY;
  const plain: PlainExchange = {
    request,
    reply,
    context,
    routeTimeoutMs,
    exchange: undefined,
    body: undefined,
  };
  const choose = (): Chosen => {
    const { ingress, traffic } = context.catalog.route(path) ?? route;
    return chooseVersion(traffic, ingress, asked);
  };
  return answerWith(choose, asked, async (chosen) => {
    const { deployment, visit } = chosen;
    if (deployment.signature === undefined) await awaken(deployment, request, reply);
    Admission.check(deployment, claimOf(request, deployment));
    if (deployment.takes.fetch) {
      return forwardWeb({ ...route, ingress: deployment }, { request, reply, context, visit });
    }
    const rest = path.slice(route.prefix.length);
    if (rest !== "" && rest !== "/") throw noSuchRoute(request.method, path);
    if (request.method !== "POST") return refuseMethod(reply, request.method, ["POST"]);
    return answerPlain(chosen, plain);
  });
}

export function pathOf(request: FastifyRequest): string {
  const query = request.url.indexOf("?");
  return query === -1 ? request.url : request.url.slice(0, query);
}

function noSuchRoute(method: string, path: string): ShoalError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new ShoalError(
    "NOT_FOUND",
    `Cannot ${method} ${shown}: no application has this route; GET /openapi.json lists all`,
    { verbatim: true },
  );
}
