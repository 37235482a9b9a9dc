// Answers: bodies with what the client can decompress, and errors with when to come back.

import type { OutgoingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { asShoalError, ShoalError } from "../../runtime/base/index.ts";

/** Below this many bytes compressing costs more than it saves. */
const COMPRESS_BYTES = 1024;
/** Speed over size: what is compressed here is numbers. */
const LEVEL = { level: 1 };
/** Bodies up to this size leave as one string with their headers, in one plain write; others as a list of buffers. */
const STRING_BYTES = 8 * 1024;
/** Bodies larger than this are written in parts instead of being joined. */
const JOIN_BYTES = 64 * 1024;

const gzipAsync = promisify<Buffer, typeof LEVEL, Buffer>(gzip);
const deflateAsync = promisify<Buffer, typeof LEVEL, Buffer>(deflate);

export interface Body {
  readonly headers: Readonly<Record<string, string>>;
  /** In order; tensors are views. */
  readonly parts: readonly (string | Uint8Array)[];
}

/** Sends a body with status 200, compressed when the client asked for it. */
export async function sendBody(reply: FastifyReply, { headers, parts }: Body): Promise<void> {
  const byteLength = total(parts);
  const accepted = reply.request.headers["accept-encoding"];
  const encoding = accepted === undefined || byteLength < COMPRESS_BYTES ? undefined : pickEncoding(accepted);
  if (encoding === undefined) {
    write(reply, { ...headers, "content-length": byteLength }, parts);
    return;
  }
  const packed = await (encoding === "gzip" ? gzipAsync : deflateAsync)(join(parts, byteLength), LEVEL);
  const packedHeaders = {
    "content-encoding": encoding,
    vary: "accept-encoding",
    "content-length": packed.byteLength,
  };
  write(reply, { ...headers, ...packedHeaders }, [packed]);
}

/** Past fastify's own sending, which has nothing to add here. */
function write(reply: FastifyReply, headers: OutgoingHttpHeaders, parts: Body["parts"]): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, headers);
  const [only] = parts;
  const byteLength = Number(headers["content-length"]);
  if (parts.length === 1) raw.end(only);
  else if (byteLength <= STRING_BYTES) raw.end(join(parts, byteLength).toString("latin1"), "latin1");
  else if (byteLength <= JOIN_BYTES) raw.end(join(parts, byteLength));
  else {
    raw.cork();
    for (const part of parts) raw.write(part);
    raw.end();
    raw.uncork();
  }
}

function total(parts: Body["parts"]): number {
  let sum = 0;
  for (const part of parts) sum += typeof part === "string" ? Buffer.byteLength(part) : part.byteLength;
  return sum;
}

function join(parts: Body["parts"], byteLength: number): Buffer {
  const joined = Buffer.allocUnsafe(byteLength);
  let offset = 0;
  for (const part of parts) {
    if (typeof part === "string") offset += joined.write(part, offset);
    else {
      joined.set(part, offset);
      offset += part.byteLength;
    }
  }
  return joined;
}

function pickEncoding(accepted: string): "gzip" | "deflate" | undefined {
  const offers = accepted.split(",").map((offer) => offer.trim().toLowerCase().split(";"));
  const wants = (name: string): boolean =>
    offers.some(
      ([coding, ...parameters]) => coding === name && !parameters.some((p) => /^\s*q=0(\.0*)?\s*$/.test(p)),
    );
  if (wants("gzip")) return "gzip";
  return wants("deflate") ? "deflate" : undefined;
}

/** What a handler threw, as an error for the client: fastify's own refusals carry a status, the rest is internal. */
export function errorOf(thrown: unknown, request: FastifyRequest): ShoalError {
  if (thrown instanceof ShoalError) return thrown;
  if (!(thrown instanceof Error)) return internal(thrown);
  if (Reflect.get(thrown, "code") === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    const found = request.headers["content-type"];
    const message = `Cannot read the request: found Content-Type "${found}", wanted a media type or none`;
    return new ShoalError("UNSUPPORTED_ENCODING", message);
  }
  const status: unknown = Reflect.get(thrown, "statusCode");
  if (typeof status === "number" && status >= 400 && status < 500)
    return asShoalError(thrown, "INVALID_ARGUMENT");
  return internal(thrown);
}

function internal(thrown: unknown): ShoalError {
  return new ShoalError("INTERNAL", "Cannot answer: an internal error, see the server's log", {
    cause: thrown,
  });
}

/** `{"error": …}` with the status of its code; what the client can do next is in the headers. */
export function sendError(reply: FastifyReply, error: ShoalError): void {
  const { httpStatus, retry } = error.kind;
  reply
    .status(httpStatus)
    .header("content-type", "application/json")
    .header("x-should-retry", String(retry !== "never"));
  if (retry === "later" || error.retryAfterMs !== undefined) {
    reply.header("retry-after", String(Math.max(1, Math.ceil((error.retryAfterMs ?? 1_000) / 1_000))));
  }
  if (error.code === "UNAUTHENTICATED") reply.header("www-authenticate", "Bearer");
  // Its next request would find nobody here.
  if (error.code === "DRAINING") reply.header("connection", "close");
  reply.send(JSON.stringify({ error: error.publicMessage, code: error.code }));
}
