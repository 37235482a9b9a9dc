// The admin listener: status, deploys, history, scaling, nodes, config and shutdown, for the command line and for operators. Ray
// Serve's paths where Ray has the thing.
//
// 1. Every request needs the bearer token, whatever its route or method; comparing it takes the same time always.
// 2. A request that a browser made for another site is refused: the Host must be one that is bound here.

import { createHash, timingSafeEqual } from "node:crypto";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import {
  type AdminOptions,
  type Controller,
  type Deploys,
  isLoopback,
  toFileForm,
} from "../../controller/index.ts";
import { ShoalError, systemCodeOf } from "../../runtime/base/index.ts";
import { MAX_CONFIG_BYTES } from "../../runtime/base/config/index.ts";
import { errorOf, sendError } from "../http/respond.ts";
import { urlOf } from "../listening.ts";
import { deployRoutes } from "./deploy-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import { scalingRoutes } from "./scaling-routes.ts";
import { type ServerIdentity, serveStatus } from "./status.ts";

export interface AdminServerOptions {
  readonly admin: AdminOptions;
  readonly controller: Controller;
  readonly deploys: Deploys;
  readonly token: string;
  readonly identity: ServerIdentity;
  /** Begins to end the whole server; the request that asks is answered first. */
  readonly onShutdown: () => void;
}

export class AdminServer {
  readonly url: string;
  readonly #app: FastifyInstance;

  private constructor(app: FastifyInstance, host: string) {
    this.#app = app;
    this.url = urlOf(app.server, host);
  }

  /** Listens; rejects with the system's error when it cannot. */
  static async start(options: AdminServerOptions): Promise<AdminServer> {
    const { admin, controller, deploys, token, identity, onShutdown } = options;
    const app = fastify({
      logger: false,
      forceCloseConnections: true,
      bodyLimit: MAX_CONFIG_BYTES,
      // For a URL that cannot be read: there is no route then, nor its error handler.
      frameworkErrors: (_thrown, request, reply) => {
        const path = request.url.slice(0, 200);
        const message = `Cannot read the URL ${path}: wanted UTF-8 with escapes such as %20, and no longer names`;
        sendError(reply, new ShoalError("INVALID_ARGUMENT", message, { verbatim: true }));
      },
      routerOptions: { maxParamLength: 512 },
    });
    app.addHook("onRequest", async (request) => {
      checkToken(request, token);
      checkHost(request, admin.host);
    });
    // What a body is, a route finds out; those that want none do not look at it.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    app.setErrorHandler((thrown, request, reply) => {
      sendError(reply, systemCodeOf(thrown) === TOO_LARGE ? tooLarge(thrown) : errorOf(thrown, request));
    });
    app.setNotFoundHandler((request, reply) => {
      const path = request.url.slice(0, 200);
      const message = `Cannot ${request.method} ${path}: no such route`;
      sendError(reply, new ShoalError("NOT_FOUND", message, { verbatim: true }));
    });
    for (const path of ["/api/serve/applications/", "/api/serve/applications"])
      app.get(path, () => serveStatus(controller, deploys, identity));
    deployRoutes(app, deploys);
    scalingRoutes(app, controller, deploys);
    nodeRoutes(app, controller, deploys);
    app.get("/api/serve/config", () => toFileForm(controller.config));
    app.post("/api/serve/shutdown", (_request, reply) => {
      reply.raw.once("finish", onShutdown);
      return { message: "shutting down" };
    });
    await app.listen({ host: admin.host, port: admin.port });
    return new AdminServer(app, admin.host);
  }

  async close(): Promise<void> {
    await this.#app.close();
  }
}

const TOO_LARGE = "FST_ERR_CTP_BODY_TOO_LARGE";

function tooLarge(cause: unknown): ShoalError {
  const message = `Cannot read the body: it is larger than ${MAX_CONFIG_BYTES} bytes`;
  return new ShoalError("BODY_TOO_LARGE", message, { cause });
}

/** Invariant 1. */
function checkToken(request: FastifyRequest, token: string): void {
  const [scheme = "", found = ""] = (request.headers.authorization ?? "").split(" ");
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (scheme.toLowerCase() !== "bearer" || !timingSafeEqual(digest(found), digest(token))) {
    throw new ShoalError(
      "UNAUTHENTICATED",
      "Cannot use the admin listener: wanted Authorization: Bearer <token>",
    );
  }
}

/** Invariant 2. */
function checkHost(request: FastifyRequest, bound: string): void {
  const name = request.hostname.replace(/^\[|\]$/g, "");
  if (isLoopback(name) || name === bound || !isLoopback(bound)) return;
  throw new ShoalError("PERMISSION_DENIED", `Cannot use the admin listener under the name "${name}"`);
}
