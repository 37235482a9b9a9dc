// Whole web requests for a module's `fetch`: passed to a replica when it has room, streamed both ways.
//
// 1. The module sees its own paths: the application's prefix is taken off, and told in X-Forwarded-Prefix.
// 2. Once the answer has begun, an end other than its own end cuts the connection, so no client takes half an
//    answer for a whole one.

import { type IncomingMessage, STATUS_CODES } from "node:http";
import { Transform, type Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  neverConnected,
  NotDelivered,
  type ReplicaLink,
  type Route,
  type Ticket,
} from "../../controller/index.ts";
import { asShoalError, messageOf, ShoalError, systemCodeOf } from "../../runtime/base/index.ts";
import { discardBody, tooLarge } from "./body.ts";
import { claimOf } from "./claim.ts";
import { WEB_URL } from "../../replicas/index.ts";
import { Exchange, timeoutMsOf } from "./exchange.ts";
import { invite } from "./expectations.ts";
import type { RouteContext } from "./v2-routes.ts";
import type { Visit } from "./visit.ts";

/** Headers that belong to one connection (RFC 9110, 7.6.1), and those that only we set. */
const NOT_FORWARDED = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "x-forwarded-prefix",
]);

const NOTHING = Buffer.alloc(0);

interface WebExchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly context: RouteContext;
  /** Undefined when there was no version to choose. */
  readonly visit: Visit | undefined;
}

export async function forwardWeb(
  route: Route,
  { request, reply, context, visit }: WebExchange,
): Promise<FastifyReply> {
  const { raw } = reply;
  const { maxBodyBytes } = context.limits;
  checkLength(request.raw, maxBodyBytes);
  const exchange = new Exchange(context.admission, reply);
  const gone = new AbortController();
  raw.once("close", () => gone.abort());
  const carry = async (replica: ReplicaLink): Promise<number | undefined> => {
    let status: number | undefined;
    const body = bodyOf(request.raw, maxBodyBytes);
    const answered = replica.connections.stream(
      {
        path: request.url,
        method: request.method,
        headers: [...forwardedHeaders(route, request), ...(replica.headers ?? [])],
        body,
        signal: gone.signal,
      },
      ({ statusCode, headers }) => {
        ticket.liftDeadline();
        status = statusCode;
        // Throws when the headers cannot be written: then the answer is still ours to give.
        const added = visit?.headers ?? [];
        raw.writeHead(statusCode, STATUS_CODES[statusCode], [...returnedHeaders(headers), ...added]);
        visit?.answered(statusCode);
        reply.hijack();
        // Not flushHeaders: that writes them as UTF-8, and the bytes of a header are to stay what they are.
        raw.write(NOTHING);
        return raw;
      },
    );
    try {
      await answered;
      return status;
    } catch (thrown) {
      throw failureOf(thrown, {
        deployment: route.ingress.name,
        gone: gone.signal.aborted,
        spent: body !== null,
      });
    }
  };
  const ticket: Ticket = exchange.submit(
    route.ingress,
    { kind: "fetch", carry, claim: claimOf(request, route.ingress) },
    Math.min(route.requestTimeoutMs ?? Number.POSITIVE_INFINITY, timeoutMsOf(request, route.ingress)),
  );
  visit?.sent();
  try {
    await ticket.result;
  } catch (thrown) {
    if (!raw.headersSent) throw asShoalError(thrown);
    visit?.failed(thrown);
    raw.destroy(); // invariant 2
  }
  gone.abort();
  discardBody(request.raw, maxBodyBytes); // the module may have answered without reading all
  return reply;
}

interface Circumstances {
  readonly deployment: string;
  /** The client has left. */
  readonly gone: boolean;
  /** There was a body, and it cannot be sent a second time. */
  readonly spent: boolean;
}

/** What it means that a request was not carried to its end. */
function failureOf(thrown: unknown, { deployment, gone, spent }: Circumstances): Error {
  if (thrown instanceof ShoalError) return thrown;
  if (gone) return new ShoalError("CANCELLED", "The client went away before the answer", { cause: thrown });
  const code = systemCodeOf(thrown) ?? "";
  if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH") {
    const what = `Cannot pass the request on: ${messageOf(thrown)}`;
    return new ShoalError("INVALID_ARGUMENT", what, { cause: thrown });
  }
  if (code.startsWith("ERR_HTTP_") || code === "ERR_INVALID_CHAR") {
    const what = `Cannot pass on the answer of "${deployment}": ${messageOf(thrown)}`;
    return new ShoalError("ENGINE_FAILED", what, { cause: thrown });
  }
  const what = `The replica of "${deployment}" ended before its answer did`;
  const died = new ShoalError("REPLICA_DIED", what, { cause: thrown });
  return neverConnected(code) && !spent ? new NotDelivered(died) : died;
}

/** Throws BODY_TOO_LARGE on what is announced, before the request waits for anything. */
function checkLength(raw: IncomingMessage, maxBytes: number): void {
  const announced = Number(raw.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(`announced ${announced} bytes`, maxBytes);
}

function bodyOf(raw: IncomingMessage, maxBytes: number): Readable | null {
  const announced = raw.headers["content-length"];
  if (raw.headers["transfer-encoding"] === undefined && (announced === undefined || announced === "0"))
    return null;
  let size = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.byteLength;
      if (size <= maxBytes) done(null, chunk);
      else done(tooLarge(`${size} bytes and more`, maxBytes));
    },
  });
  raw.once("error", (error) => bounded.destroy(error));
  invite(raw);
  return raw.pipe(bounded);
}

function forwardedHeaders(route: Route, request: FastifyRequest): string[] {
  const headers: string[] = [];
  const { rawHeaders } = request.raw;
  const hop = namedBy(request.headers.connection);
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (NOT_FORWARDED.has(lower) || lower.startsWith("x-shoal-") || hop.has(lower)) continue;
    headers.push(name, value);
  }
  headers.push(WEB_URL, moduleUrl(route, request));
  if (route.prefix !== "") headers.push("x-forwarded-prefix", route.prefix);
  return headers;
}

/** Invariant 1: the URL the module sees. */
function moduleUrl(route: Route, request: FastifyRequest): string {
  const rest = request.url.slice(route.prefix.length);
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  const origin = `${request.protocol}://${request.host}`;
  return URL.canParse(path, origin) ? origin + path : `http://localhost${path}`;
}

/** The headers that a Connection header names belong to the connection as well. */
function namedBy(connection: string | undefined): ReadonlySet<string> {
  return new Set(connection?.toLowerCase().split(/[\s,]+/));
}

function returnedHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): string[] {
  const hop = namedBy(headers["connection"]?.toString());
  return Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined || NOT_FORWARDED.has(name) || hop.has(name)) return [];
    return (Array.isArray(value) ? value : [value]).flatMap((one) => [name, one]);
  });
}
