// Between Node's request and response and the web-standard ones that a module's `fetch` takes and gives, as
// streams in both directions.
//
// 1. The request's signal aborts when the caller goes away, and the answer's stream is cancelled.
// 2. The answer is written no faster than it is read.
// 3. Headers are those of the client's request: what is of the hop, or between gateway and replica, is taken off.

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ShoalError } from "../runtime/base/index.ts";

const NOTHING = Buffer.alloc(0);

interface Exchange {
  /** Absolute URL for the module to see. */
  readonly url: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Gives the request to `handle` and writes what it answers. Throws before anything is written, or destroys. */
export async function answerWeb(
  { url, request, response }: Exchange,
  handle: (request: Request) => Promise<Response> | undefined,
): Promise<void> {
  const aborted = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) aborted.abort(new ShoalError("CANCELLED", "the caller went away"));
  };
  response.once("close", onClose);
  const answer = await handle(toWebRequest(url, request, aborted.signal));
  if (!(answer instanceof Response)) {
    throw new ShoalError("ENGINE_FAILED", `Cannot answer: fetch gave ${typeof answer}, wanted a Response`);
  }
  const headers = [...answer.headers].filter(([name]) => name !== "set-cookie");
  response.writeHead(answer.status, [
    ...headers.flat(),
    ...answer.headers.getSetCookie().flatMap((cookie) => ["set-cookie", cookie]),
  ]);
  if (answer.body === null) {
    response.end();
    return;
  }
  // Not flushHeaders: that writes them as UTF-8, and a Response's headers are bytes.
  response.write(NOTHING);
  const body = Readable.fromWeb(answer.body);
  try {
    await pipeline(body, response); // invariant 2
  } catch (thrown) {
    if (!aborted.signal.aborted) throw thrown;
  }
}

function toWebRequest(url: string, request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, values] of Object.entries(request.headersDistinct)) {
    if (name.startsWith("x-shoal-") || name === "connection" || values === undefined) continue; // invariant 3
    for (const value of values) headers.append(name, value);
  }
  headers.set("host", new URL(url).host);
  const method = request.method ?? "GET";
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers, signal });
  const body = Readable.toWeb(request) as ReadableStream<Uint8Array>;
  return new Request(url, { method, headers, signal, body, duplex: "half" });
}
