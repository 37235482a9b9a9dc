// The HTTP door: fastify with our own reading of bodies, V2 routes and the routes of applications.
//
// 1. Bodies are read by the handler that wants them, after admission; nothing else touches them.
// 2. Every failure is answered as {"error": …}; what is internal stays in the log.
// 3. A client that does not read its answer is cut off; one that reads slowly, or waits for its answer, is not.

import swagger from "@fastify/swagger";
import { fastify, type FastifyInstance, type FastifyListenOptions } from "fastify";
import type { Catalog, HttpOptions } from "../../controller/index.ts";
import { ShoalError, SHOAL_VERSION, systemClock } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import { Admission } from "../admission.ts";
import { urlOf } from "../listening.ts";
import { addApplicationRoutes } from "./application-routes.ts";
import { discardBody } from "./body.ts";
import { answerClientError } from "./client-errors.ts";
import { heedExpectations } from "./expectations.ts";
import { applicationPaths } from "./openapi.ts";
import { closeMethods, METHODS, refuseMethod } from "./methods.ts";
import { OpenBodies } from "./open-bodies.ts";
import { errorOf, sendError } from "./respond.ts";
import { addV2Routes } from "./v2-routes.ts";

export interface HttpServerOptions {
  readonly http: HttpOptions;
  readonly catalog: Catalog;
  readonly log: Logger;
  /** Other processes listen on the port, too, and the system shares out connections. Default false. */
  readonly reusePort?: boolean;
  /**
   * How long a connection may take nothing of what is written to it; a minute by default. Node sees only the next time that
   * nothing was taken of a write that it had handed over: then it is twice as long.
   */
  readonly writeStallMs?: number;
}

export class HttpServer {
  readonly #app: FastifyInstance;
  readonly #admission: Admission;
  readonly url: string;
  #closed: Promise<void> | undefined;

  private constructor(app: FastifyInstance, admission: Admission, host: string) {
    this.#app = app;
    this.#admission = admission;
    this.url = urlOf(app.server, host);
  }

  /** Listens; rejects with the system's error when it cannot, such as EADDRINUSE. */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const { http, catalog, reusePort = false } = options;
    const app = createApp(options);
    const admission = new Admission(http.limits.maxOpenRequests);
    const openBodies = new OpenBodies(http.limits.maxOpenBodyBytes);
    const context = { catalog, admission, limits: { ...http.limits, openBodies } };
    await app.register(swagger, {
      openapi: {
        openapi: "3.1.0",
        info: {
          title: "Shoal",
          version: SHOAL_VERSION,
          description: "The models and applications served here.",
        },
      },
    });
    // A plugin, so that the routes are declared when the document is already listening for them.
    await app.register(async (scope) => {
      const declared = new Set<string>();
      scope.addHook("onRoute", ({ url }) => void declared.add(url));
      addV2Routes(scope, context);
      scope.get("/openapi.json", { schema: { hide: true } }, () => {
        const document = app.swagger();
        return { ...document, paths: { ...document.paths, ...applicationPaths(catalog.routes()) } };
      });
      closeMethods(scope, [...declared]);
      addApplicationRoutes(scope, context);
    });
    // Fastify's type of it is older than Node's.
    const where: FastifyListenOptions & { readonly reusePort: boolean } = {
      host: http.host,
      port: http.port,
      reusePort,
    };
    await app.listen(where);
    return new HttpServer(app, admission, http.host);
  }

  get openRequests(): number {
    return this.#admission.open;
  }

  /** Refuses new requests from now on; connections are told to close. */
  refuse(): void {
    this.#admission.close();
  }

  /** Lets the last answers out, at most for `graceMs`, then closes what is left. The same promise every time. */
  close(graceMs = 0): Promise<void> {
    this.#admission.close();
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    const patience = new AbortController();
    const idle = this.#admission.whenIdle().then(() => patience.abort());
    await Promise.race([idle, systemClock.sleep(graceMs, patience.signal).catch(() => undefined)]);
    await this.#app.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Time for the headers of a request to arrive; a slower client is cut off with 408. */
const HEADERS_TIMEOUT_MS = 30_000;

/** Longer than headers may take, which have an answer of their own. */
const WRITE_STALL_MS = 60_000;

function createApp({ http, log, writeStallMs = WRITE_STALL_MS }: HttpServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    http: { maxHeaderSize: http.limits.maxHeaderBytes, headersTimeout: HEADERS_TIMEOUT_MS, noDelay: true },
    // A whole request may take its time: bodies are timed where they are read, and streams have no end to wait for.
    requestTimeout: 0,
    // Of silence in both directions; the exchange decides what it means (invariant 3).
    connectionTimeout: writeStallMs,
    keepAliveTimeout: http.keepAliveTimeoutMs,
    forceCloseConnections: true,
    return503OnClosing: false,
    // A name of any length is an unknown model, not an unknown path.
    routerOptions: { maxParamLength: http.limits.maxHeaderBytes },
    requestIdHeader: "x-request-id",
    clientErrorHandler: answerClientError,
    // For a URL that cannot be read: there is no route then, nor its error handler.
    frameworkErrors: (_thrown, request, reply) => {
      const message = `Cannot read the URL ${request.url.slice(0, 200)}: wanted UTF-8 with escapes such as %20`;
      discardBody(request.raw, http.limits.maxBodyBytes);
      sendError(reply, new ShoalError("INVALID_ARGUMENT", message, { verbatim: true }));
    },
  });
  heedExpectations(app.server);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null)); // invariant 1
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((thrown, request, reply) => {
    const error = errorOf(thrown, request);
    if (error.kind.httpStatus >= 500 && error.kind.retry === "never" && error.code !== "UNSUPPORTED") {
      log.error(
        { err: error, requestId: request.id, url: request.url, stack: error.remoteStack },
        "request failed",
      );
    }
    discardBody(request.raw, http.limits.maxBodyBytes);
    sendError(reply, error); // invariant 2
  });
  // Every path has a route for the usual methods: what comes here has another, such as TRACE.
  app.setNotFoundHandler(async (request, reply) => refuseMethod(reply, request.method, METHODS));
  return app;
}
