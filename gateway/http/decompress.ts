// Decompresses a body piece by piece, so that what it takes is known while it grows, and not only afterwards.
//
// 1. Each piece is told before the next is made: a bomb is refused where it crosses the bound, of however many at once.
// 2. What was gathered of a body that fails is freed at once.

import { createInflateRaw, createUnzip } from "node:zlib";
import { asShoalError, freeChunk, LARGE_BYTES, pin, ShoalError } from "../../runtime/base/index.ts";

/** Content codings we read, as RFC 9110 names them. */
export const ENCODINGS: ReadonlySet<string> = new Set(["gzip", "x-gzip", "deflate"]);

/** What is unpacked at a time: of a body that may be large in buffers of their own, which can be freed. */
const PIECE_BYTES = 16 * 1024;
const LARGE_PIECE_BYTES = 64 * 1024;

/**
 * All that `packed` holds. `grow` is told how many bytes it is so far; what that throws is thrown. Throws INVALID_ARGUMENT
 * when it is not of the encoding.
 */
export function decompress(
  packed: Buffer,
  encoding: string,
  grow: (byteLength: number) => void,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let byteLength = 0;
  let failure: ShoalError | undefined;
  const reading = pin([packed]); // by another thread
  const chunkSize = packed.byteLength < LARGE_BYTES ? PIECE_BYTES : LARGE_PIECE_BYTES;
  const isBare = encoding === "deflate" && !hasZlibHeader(packed);
  const stream = isBare ? createInflateRaw({ chunkSize }) : createUnzip({ chunkSize });
  stream.on("data", (piece: Buffer) => {
    byteLength += piece.byteLength;
    pieces.push(piece);
    try {
      grow(byteLength); // invariant 1
    } catch (thrown) {
      failure = asShoalError(thrown);
      stream.destroy(); // a piece comes within zlib's own callback: its thread does nothing then
    }
  });
  stream.on("error", (cause) => {
    failure = new ShoalError("INVALID_ARGUMENT", `Cannot read the body: it is not valid ${encoding}`, {
      cause,
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  // Not before: until then zlib may write into the buffer of the last piece.
  stream.on("close", () => {
    reading[Symbol.dispose]();
    try {
      if (failure === undefined) resolve(joined(pieces, byteLength));
      else reject(failure);
    } catch (thrown) {
      reject(thrown); // no memory
    } finally {
      pieces.forEach(freeChunk); // invariant 2
    }
  });
  stream.end(packed);
  return promise;
}

/** `unzip` tells gzip from zlib by itself; some clients send bare deflate under the name of zlib. */
function hasZlibHeader(packed: Buffer): boolean {
  return packed.byteLength >= 2 && packed.readUInt16BE(0) % 31 === 0 && ((packed[0] ?? 0) & 15) === 8;
}

/** The pieces behind each other, each freed once it was copied; several may share a buffer. */
function joined(pieces: readonly Buffer[], byteLength: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(byteLength);
  let offset = 0;
  for (const [index, piece] of pieces.entries()) {
    whole.set(piece, offset);
    offset += piece.byteLength;
    if (pieces[index + 1]?.buffer !== piece.buffer) freeChunk(piece);
  }
  return whole;
}
