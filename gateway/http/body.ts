// Reads and decompresses request bodies within bounds.
//
// 1. An announced length past the limit is refused before a byte is read.
// 2. Memory follows what has arrived, not what was announced, however the body is cut into chunks.
// 3. What is left of a refused request's body is thrown away as it comes, so that the connection stays usable;
//    a client that sends more than twice the limit after its refusal, or for too long, is cut off.
// 4. A body that does not arrive in time is given up.
// 5. Whatever is allocated is first taken from the room for open bodies.

import type { IncomingMessage } from "node:http";
import { asShoalError, freeChunk, HEADER_LENGTH, ShoalError, systemClock } from "../../runtime/base/index.ts";
import { BodyStore } from "./body-store.ts";
import { decompress, ENCODINGS } from "./decompress.ts";
import { invite } from "./expectations.ts";
import type { RequestLimits } from "./limits.ts";
import type { OpenBodies } from "./open-bodies.ts";

/** What is taken on trust of an announced length; more is allocated once this much has arrived. */
const TRUSTED_BYTES = 1024 * 1024;

/** How long a refused client may go on sending. */
const DISCARD_MS = 30_000;

type BodyLimits = Pick<RequestLimits, "maxBodyBytes" | "maxDecompressedBytes" | "openBodies">;

/**
 * The whole body, decompressed. Throws BODY_TOO_LARGE, OVERLOADED when open bodies have no room for it,
 * UNSUPPORTED_ENCODING, INVALID_ARGUMENT, or REQUEST_TIMEOUT when it has not arrived within `timeoutMs`.
 */
export async function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  timeoutMs: number,
): Promise<Buffer> {
  const bounds = { maxBytes: limits.maxBodyBytes, timeoutMs, openBodies: limits.openBodies };
  const encoding = request.headers["content-encoding"];
  const name = encoding?.trim().toLowerCase() ?? "identity";
  if (name === "identity") {
    const header = request.headers[HEADER_LENGTH];
    const headerLength = typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
    return collect(request, bounds, new BodyStore(headerLength));
  }
  if (!ENCODINGS.has(name)) {
    throw new ShoalError(
      "UNSUPPORTED_ENCODING",
      `Cannot read the body: found Content-Encoding "${encoding}", wanted gzip, deflate or identity`,
    );
  }
  const packed = await collect(request, bounds, new BodyStore());
  const { openBodies, maxDecompressedBytes } = limits;
  const packedBytes = packed.byteLength;
  const body = await decompress(packed, name, (byteLength) => {
    if (byteLength > maxDecompressedBytes) {
      const found = `more than ${maxDecompressedBytes} bytes once decompressed`;
      throw tooLarge(found, maxDecompressedBytes);
    }
    openBodies?.hold(request, packedBytes + byteLength); // invariant 5
  });
  freeChunk(packed);
  openBodies?.hold(request, body.byteLength);
  openBodies?.keep(request, body);
  return body;
}

interface Bounds {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly openBodies: OpenBodies | undefined;
}

function collect(
  request: IncomingMessage,
  { maxBytes, timeoutMs, openBodies }: Bounds,
  store: BodyStore,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const announced = request.headers["content-length"];
    const length = announced === undefined ? undefined : Number(announced);
    if (length !== undefined && length > maxBytes) {
      reject(tooLarge(`announced ${length} bytes`, maxBytes)); // invariant 1
      return;
    }
    if (length !== undefined) openBodies?.check(length);
    invite(request);
    // The listeners stay: taking them off costs every request what being deaf costs few.
    let settled = false;
    const fail = (error: ShoalError): void => {
      settled = true;
      timer.cancel();
      store.drop();
      reject(error);
    };
    const timer = systemClock.timer(timeoutMs, () => {
      if (settled) return;
      const what = `Cannot read the body: found ${store.filled} bytes after ${Math.round(timeoutMs)} ms`;
      fail(new ShoalError("REQUEST_TIMEOUT", `${what}, wanted ${length ?? "all of them"}`)); // invariant 4
    });
    request.on("data", (chunk: Buffer) => {
      if (settled) return;
      const size = store.filled + chunk.byteLength;
      try {
        if (size > maxBytes) throw tooLarge(`${size} bytes and more`, maxBytes);
        if (store.filled === 0 && size === length) {
          openBodies?.hold(request, size);
          store.keep(chunk);
        } else {
          const room = roomFor(size, length, store.room);
          openBodies?.hold(request, room); // invariant 5
          store.append(chunk, room);
        }
      } catch (thrown) {
        fail(asShoalError(thrown));
      }
    });
    request.on("end", () => {
      if (settled) return;
      try {
        const { body, memory } = store.finish();
        openBodies?.keep(request, memory);
        settled = true;
        timer.cancel();
        resolve(body);
      } catch (thrown) {
        fail(asShoalError(thrown)); // no memory is one request's failure, not the server's
      }
    });
    const onGone = (cause?: Error): void => {
      if (settled) return;
      fail(new ShoalError("CANCELLED", "Cannot read the body: the client went away", { cause }));
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
  const { socket } = request;
  const timer = systemClock.timer(DISCARD_MS, () => request.destroy());
  const onEnd = (): void => {
    timer.cancel();
    socket.removeListener("close", onEnd);
  };
  // Node tells an answered request nothing of its connection's end.
  socket.once("close", onEnd);
  request
    .on("error", () => undefined)
    .on("end", onEnd)
    .on("close", onEnd);
  request.resume();
}

/** Bytes to allocate for `size` that have arrived of `length`, where `allocated` are so far (invariant 2). */
function roomFor(size: number, length: number | undefined, allocated: number): number {
  if (allocated >= size) return allocated;
  const trusted = length !== undefined && (length <= TRUSTED_BYTES || size > TRUSTED_BYTES);
  return trusted ? length : Math.max(size, 2 * (allocated === 0 ? 32 * 1024 : allocated));
}

export function tooLarge(found: string, maxBytes: number): ShoalError {
  return new ShoalError("BODY_TOO_LARGE", `Cannot read the body: found ${found}, wanted at most ${maxBytes}`);
}
