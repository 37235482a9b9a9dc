// Reads the whole body of a request from our own gateway: its announced length is true, so it is read into one
// allocation of that size, or used in place when it came in one piece.

import type { IncomingMessage } from "node:http";
import { freeChunk, ShoalError } from "../runtime/base/index.ts";

export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const length = Number(request.headers["content-length"] ?? 0);
    let body: Buffer | undefined;
    let filled = 0;
    request.on("data", (chunk: Buffer) => {
      if (body === undefined) {
        if (chunk.byteLength === length) {
          body = chunk;
          filled = length;
          return;
        }
        body = Buffer.allocUnsafeSlow(length);
      }
      body.set(chunk, filled);
      filled += chunk.byteLength;
      freeChunk(chunk);
    });
    request.once("end", () => resolve(body ?? Buffer.alloc(0)));
    request.once("error", reject);
    request.once("close", () => {
      if (filled < length) reject(new ShoalError("CANCELLED", "the caller went away while sending"));
    });
  });
}
