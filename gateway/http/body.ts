// Reads and decompresses request bodies within bounds.
//
// 1. An announced length past the limit is refused before a byte is read.
// 2. Memory follows what has arrived, not what was announced, however the body is cut into chunks.
// 3. What is left of a refused request's body is thrown away as it comes, so that the connection stays usable;
//    a client that sends more than twice the limit after its refusal, or for too long, is cut off.
// 4. A body that does not arrive in time is given up.

import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { inflateRaw, unzip } from "node:zlib";
import { freeChunk, freeLarge, ShoalError, systemClock, systemCodeOf } from "../../runtime/base/index.ts";
import type { RequestLimits } from "./limits.ts";

/** What is taken on trust of an announced length; more is allocated once this much has arrived. */
const TRUSTED_BYTES = 1024 * 1024;

/** How long a refused client may go on sending. */
const DISCARD_MS = 30_000;

type BodyLimits = Pick<RequestLimits, "maxBodyBytes" | "maxDecompressedBytes">;

/**
 * The whole body, decompressed. Throws BODY_TOO_LARGE, UNSUPPORTED_ENCODING, INVALID_ARGUMENT, or REQUEST_TIMEOUT when
 * it has not arrived within `timeoutMs`.
 */
export async function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  timeoutMs: number,
): Promise<Buffer> {
  const bounds = { maxBytes: limits.maxBodyBytes, timeoutMs };
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined) return collect(request, bounds);
  const name = encoding.trim().toLowerCase();
  if (name === "identity") return collect(request, bounds);
  if (name !== "gzip" && name !== "x-gzip" && name !== "deflate") {
    throw new ShoalError(
      "UNSUPPORTED_ENCODING",
      `Cannot read the body: found Content-Encoding "${encoding}", wanted gzip, deflate or identity`,
    );
  }
  return decompress(await collect(request, bounds), name, limits.maxDecompressedBytes);
}

interface Bounds {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

function collect(request: IncomingMessage, { maxBytes, timeoutMs }: Bounds): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const announced = request.headers["content-length"];
    const length = announced === undefined ? undefined : Number(announced);
    if (length !== undefined && length > maxBytes) {
      reject(tooLarge(`announced ${length} bytes`, maxBytes)); // invariant 1
      return;
    }
    let body: Buffer | undefined;
    let filled = 0;
    // The listeners stay: taking them off costs every request what being deaf costs few.
    let settled = false;
    const timer = systemClock.timer(timeoutMs, () => {
      if (settled) return;
      settled = true;
      const what = `Cannot read the body: found ${filled} bytes after ${Math.round(timeoutMs)} ms`;
      reject(new ShoalError("REQUEST_TIMEOUT", `${what}, wanted ${length ?? "all of them"}`)); // invariant 4
    });
    request.on("data", (chunk: Buffer) => {
      if (settled) return;
      const size = filled + chunk.byteLength;
      if (size > maxBytes) {
        settled = true;
        timer.cancel();
        reject(tooLarge(`${size} bytes and more`, maxBytes));
        return;
      }
      if (body === undefined && size === length) body = chunk;
      else {
        body = withRoom(body, { filled, size, length });
        body.set(chunk, filled);
        freeChunk(chunk);
      }
      filled = size;
    });
    request.on("end", () => {
      settled = true;
      timer.cancel();
      resolve(body === undefined ? Buffer.alloc(0) : body.subarray(0, filled));
    });
    const onGone = (cause?: Error): void => {
      if (settled) return;
      settled = true;
      timer.cancel();
      reject(new ShoalError("CANCELLED", "Cannot read the body: the client went away", { cause }));
    };
    request.on("error", onGone).on("close", onGone);
  });
}

/** Reads what is left of a refused request's body and forgets it, within bounds (invariant 3). */
export function discardBody(request: IncomingMessage, maxBodyBytes: number): void {
  if (request.complete || request.destroyed) return;
  let left = 2 * maxBodyBytes;
  request.on("data", (chunk: Buffer) => {
    left -= chunk.byteLength;
    if (left < 0) request.destroy();
  });
  const timer = systemClock.timer(DISCARD_MS, () => request.destroy());
  const onEnd = (): void => timer.cancel();
  request
    .on("error", () => undefined)
    .on("end", onEnd)
    .on("close", onEnd);
  request.resume();
}

interface Room {
  readonly filled: number;
  readonly size: number;
  readonly length: number | undefined;
}

/** A buffer with room for `size` bytes that begins with what `body` held (invariant 2). */
function withRoom(body: Buffer | undefined, { filled, size, length }: Room): Buffer {
  if (body !== undefined && body.byteLength >= size) return body;
  const doubled = Math.max(size, 2 * (body?.byteLength ?? 32 * 1024));
  const trusted = length !== undefined && (length <= TRUSTED_BYTES || size > TRUSTED_BYTES);
  const grown = Buffer.allocUnsafeSlow(trusted ? length : doubled);
  if (body === undefined) return grown;
  grown.set(body.subarray(0, filled));
  freeLarge(body);
  return grown;
}

const unzipAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(unzip);
const inflateRawAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

async function decompress(body: Buffer, name: string, maxBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: maxBytes };
  try {
    // `unzip` tells gzip from zlib by itself; some clients send bare deflate under the name of zlib.
    const zlibHeader = body.byteLength >= 2 && body.readUInt16BE(0) % 31 === 0 && ((body[0] ?? 0) & 15) === 8;
    if (name === "deflate" && !zlibHeader) return await inflateRawAsync(body, options);
    return await unzipAsync(body, options);
  } catch (thrown) {
    if (systemCodeOf(thrown) === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge(`more than ${maxBytes} bytes once decompressed`, maxBytes);
    }
    throw new ShoalError("INVALID_ARGUMENT", `Cannot read the body: it is not valid ${name}`, {
      cause: thrown,
    });
  }
}

export function tooLarge(found: string, maxBytes: number): ShoalError {
  return new ShoalError("BODY_TOO_LARGE", `Cannot read the body: found ${found}, wanted at most ${maxBytes}`);
}
