// Bytes of a channel → messages with their parts, however the bytes were cut.
//
// 1. A frame that came in one piece is read in place; one that did not is gathered once, at its announced size.

const HEADER_BYTES = 8;

export type TakeMessage = (message: unknown, parts: readonly Uint8Array[]) => void;

const NO_PARTS: readonly Uint8Array[] = [];

export class FrameReader {
  readonly #take: TakeMessage;
  /** A frame, or the beginning of its header, that is not yet whole. */
  #partial: Buffer = Buffer.alloc(0);
  #filled = 0;

  constructor(take: TakeMessage) {
    this.#take = take;
  }

  read(chunk: Buffer): void {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (this.#filled > 0) rest = this.#continue(rest);
      else {
        const size = frameBytes(rest);
        if (size !== undefined && size <= rest.byteLength) {
          this.#deliver(rest.subarray(0, size));
          rest = rest.subarray(size);
        } else {
          this.#partial = Buffer.allocUnsafeSlow(size ?? HEADER_BYTES);
          this.#filled = rest.copy(this.#partial);
          return;
        }
      }
    }
  }

  /** Adds to the partial frame; returns what belongs to the next one. */
  #continue(chunk: Buffer): Buffer {
    const copied = chunk.copy(this.#partial, this.#filled, 0, this.#partial.byteLength - this.#filled);
    this.#filled += copied;
    if (this.#filled < this.#partial.byteLength) return chunk.subarray(copied);
    const size = frameBytes(this.#partial) ?? HEADER_BYTES;
    if (this.#partial.byteLength < size) {
      // The header was cut: now the size is known.
      const whole = Buffer.allocUnsafeSlow(size);
      this.#partial.copy(whole);
      this.#partial = whole;
      return chunk.subarray(copied);
    }
    const frame = this.#partial;
    this.#filled = 0;
    this.#partial = Buffer.alloc(0);
    this.#deliver(frame);
    return chunk.subarray(copied);
  }

  #deliver(frame: Buffer): void {
    const jsonEnd = HEADER_BYTES + frame.readUInt32LE(0);
    const entries: unknown[] = JSON.parse(frame.toString("utf8", HEADER_BYTES, jsonEnd));
    let offset = jsonEnd;
    for (let index = 0; index < entries.length; index += 2) {
      const lengths = entries[index + 1] as readonly number[];
      if (lengths.length === 0) this.#take(entries[index], NO_PARTS);
      else {
        const parts = lengths.map((length) => {
          const part = frame.subarray(offset, offset + length);
          offset += length;
          return part;
        });
        this.#take(entries[index], parts);
      }
    }
  }
}

/** Undefined while the header is not whole. */
function frameBytes(bytes: Buffer): number | undefined {
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  return HEADER_BYTES + bytes.readUInt32LE(0) + bytes.readUInt32LE(4);
}
