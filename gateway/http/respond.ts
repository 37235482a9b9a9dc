// Answers: bodies with what the client can decompress, and errors with when to come back.

import type { OutgoingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import type { FastifyReply } from "fastify";
import { ShoalError } from "../../runtime/base/index.ts";

/** Below this many bytes compressing costs more than it saves. */
const COMPRESS_BYTES = 1024;
/** Speed over size: what is compressed here is numbers. */
const LEVEL = { level: 1 };
/** Bodies larger than this are written in parts instead of being joined. */
const JOIN_BYTES = 64 * 1024;

const gzipAsync = promisify<Buffer, typeof LEVEL, Buffer>(gzip);
const deflateAsync = promisify<Buffer, typeof LEVEL, Buffer>(deflate);

interface Body {
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: readonly Uint8Array[] | string;
}

/** Sends a body, compressed when the client asked for it. */
export async function sendBody(reply: FastifyReply, body: Body): Promise<void> {
  const { parts } = body;
  const byteLength = typeof parts === "string" ? Buffer.byteLength(parts) : total(parts);
  const accepted = reply.request.headers["accept-encoding"];
  const encoding = accepted === undefined || byteLength < COMPRESS_BYTES ? undefined : pickEncoding(accepted);
  if (encoding !== undefined) {
    const plain = typeof parts === "string" ? Buffer.from(parts) : Buffer.concat(parts);
    const packed = await (encoding === "gzip" ? gzipAsync : deflateAsync)(plain, LEVEL);
    reply
      .headers(body.headers)
      .header("content-encoding", encoding)
      .header("vary", "accept-encoding")
      .send(packed);
    return;
  }
  if (typeof parts === "string" || byteLength <= JOIN_BYTES) {
    reply.headers(body.headers).send(typeof parts === "string" ? parts : Buffer.concat(parts, byteLength));
    return;
  }
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    ...body.headers,
    "content-length": byteLength,
  });
  raw.cork();
  for (const part of parts) raw.write(part);
  raw.end();
  raw.uncork();
}

function total(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
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
