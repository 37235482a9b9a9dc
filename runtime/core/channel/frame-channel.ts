// Messages between two processes over a stream socket, many in one frame.
//
// A message is JSON with binary parts beside it. What is sent in one turn of the event loop leaves in few frames, each one
// write: a loop of a thousand calls costs sixteen system calls, a single call waits for nothing.
//
//   u32 bytes of the JSON │ u32 bytes of the parts │ JSON: [message, [part lengths], message, …] │ parts
//
// 1. Messages arrive in the order they were sent.
// 2. Parts are given as views on what was read, never copied again; large parts are written without a copy.
// 3. `onEnd` comes once, after the last message, however the other side went.

import type { Duplex } from "node:stream";
import { FrameReader } from "./frame-reader.ts";

/** After so many messages of one turn what there is is sent, for the other side to begin with: it may have a CPU of its own. */
const FLUSH_MESSAGES = 64;
/** A part of this size or more is written by itself; smaller ones are gathered. */
const GATHER_BYTES = 32 * 1024;
const HEADER_BYTES = 8;
const NO_PARTS: readonly Uint8Array[] = [];

export interface ChannelEvents<In> {
  /** `parts` are views on memory that is read only here; the message itself is trusted to be of type `In`. */
  onMessage(message: In, parts: readonly Uint8Array[]): void;
  onEnd(): void;
}

export class FrameChannel<In, Out> {
  readonly #socket: Duplex;
  #batch: (Out | readonly number[])[] = [];
  #parts: Uint8Array[] = [];
  #scheduled = false;
  #ended = false;

  /** Takes over a connected socket. `In` is what the other end's channel sends: both ends are ours. */
  constructor(socket: Duplex, events: ChannelEvents<In>) {
    this.#socket = socket;
    const reader = new FrameReader((message, parts) => events.onMessage(message as In, parts));
    const end = (): void => {
      if (this.#ended) return;
      this.#ended = true;
      events.onEnd();
    };
    socket.on("data", (chunk: Buffer) => reader.read(chunk));
    socket.on("error", () => undefined); // told by `close`
    socket.once("end", () => socket.end());
    socket.once("close", end); // invariant 3
  }

  /** Sent in earlier turns, and not taken by the other side or its socket yet. */
  get unwrittenBytes(): number {
    return this.#socket.writableLength;
  }

  /** `message` is plain data, which JSON takes: it is written later. Sending to a closed channel does nothing. */
  send(message: Out, parts: readonly Uint8Array[] = NO_PARTS): void {
    if (this.#ended) return;
    this.#batch.push(message, parts.length === 0 ? [] : parts.map(({ byteLength }) => byteLength));
    for (const part of parts) this.#parts.push(part);
    if (this.#batch.length >= 2 * FLUSH_MESSAGES) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      process.nextTick(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  /** Writes what was sent so far. */
  flush(): void {
    if (this.#batch.length === 0 || this.#ended) return;
    const json = JSON.stringify(this.#batch);
    const parts = this.#parts;
    this.#batch = [];
    this.#parts = [];
    const jsonBytes = Buffer.byteLength(json);
    let partBytes = 0;
    let gathered = HEADER_BYTES + jsonBytes;
    for (const { byteLength } of parts) {
      partBytes += byteLength;
      if (byteLength < GATHER_BYTES) gathered += byteLength;
    }
    const buffer = Buffer.allocUnsafe(gathered);
    buffer.writeUInt32LE(jsonBytes, 0);
    buffer.writeUInt32LE(partBytes, 4);
    let filled = HEADER_BYTES + buffer.write(json, HEADER_BYTES);
    let written = 0;
    const large = partBytes + HEADER_BYTES + jsonBytes > gathered;
    if (large) this.#socket.cork();
    for (const part of parts) {
      if (part.byteLength < GATHER_BYTES) {
        buffer.set(part, filled);
        filled += part.byteLength;
      } else {
        this.#socket.write(buffer.subarray(written, filled));
        this.#socket.write(part);
        written = filled;
      }
    }
    if (filled > written) this.#socket.write(written === 0 ? buffer : buffer.subarray(written));
    if (large) this.#socket.uncork();
  }

  /** Writes what is left and closes; resolves when it has been written or cannot be. */
  close(): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      if (this.#ended) resolve();
      else this.#socket.once("close", resolve).end(() => resolve());
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
