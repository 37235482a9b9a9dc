// Where the bytes of a body are gathered: the one chunk it came in, a buffer that grows, or, for large ones that a replica
// can compute from where they lie, memory shared with the replicas.
//
// 1. Without memory to share, or when no more of it is to be had, the body is gathered in a buffer.

import { BodyRegion } from "../../replicas/index.ts";
import { freeChunk } from "../../runtime/base/index.ts";

/** Below this a body is quicker copied to its replica than shared with it. */
const SHARED_BYTES = 4 * 1024 * 1024;

export class BodyStore {
  readonly #headerLength: number | undefined;
  #buffer: Buffer | undefined;
  #region: BodyRegion | undefined;
  #filled = 0;

  /** `headerLength`: of a body whose tensors are binary, what is before them. */
  constructor(headerLength?: number) {
    this.#headerLength = headerLength;
  }

  /** Bytes that are there. */
  get filled(): number {
    return this.#filled;
  }

  /** Bytes there is room for. */
  get room(): number {
    return this.#region === undefined ? (this.#buffer?.byteLength ?? 0) : this.#filled;
  }

  /** The whole body in one chunk: it stays where it is. */
  keep(chunk: Buffer): void {
    this.#buffer = chunk;
    this.#filled = chunk.byteLength;
  }

  /** Copies a chunk behind the others, where there is to be room for `room` bytes in all, and frees it. */
  append(chunk: Buffer, room: number): void {
    if (!this.#appendShared(chunk, room)) {
      this.#buffer = withRoom(this.#buffer, room, this.#filled);
      this.#buffer.set(chunk, this.#filled);
    }
    this.#filled += chunk.byteLength;
    freeChunk(chunk);
  }

  #appendShared(chunk: Buffer, room: number): boolean {
    if (this.#region === undefined) {
      // Once: later there is room for all of it.
      if (this.#headerLength === undefined || room < SHARED_BYTES || room <= this.room) return false;
      const region = BodyRegion.create(this.#headerLength);
      if (region === undefined) return false;
      if (!region.write(this.#buffer?.subarray(0, this.#filled) ?? Buffer.alloc(0), 0)) {
        region[Symbol.dispose]();
        return false;
      }
      if (this.#buffer !== undefined) freeChunk(this.#buffer);
      this.#buffer = undefined;
      this.#region = region;
    }
    if (this.#region.write(chunk, this.#filled)) return true;
    this.#leaveRegion(this.#region); // invariant 1
    return false;
  }

  #leaveRegion(region: BodyRegion): void {
    this.#buffer = region.read(this.#filled);
    this.#region = undefined;
    region[Symbol.dispose]();
  }

  /** What was gathered, and the memory it is in, for whoever frees it. */
  finish(): { readonly body: Buffer; readonly memory: Buffer } {
    const region = this.#region;
    const shared = region?.map(this.#filled);
    if (shared !== undefined) return { body: shared, memory: shared };
    if (region !== undefined) this.#leaveRegion(region);
    const memory = this.#buffer ?? Buffer.alloc(0);
    return { body: memory.subarray(0, this.#filled), memory };
  }

  /** Nobody will finish it. */
  drop(): void {
    this.#region?.[Symbol.dispose]();
    this.#region = undefined;
    this.#buffer = undefined;
  }
}

/** A buffer of `room` bytes that begins with the `filled` ones of `body`. */
function withRoom(body: Buffer | undefined, room: number, filled: number): Buffer {
  if (body?.byteLength === room) return body;
  const grown = Buffer.allocUnsafeSlow(room);
  if (body === undefined) return grown;
  grown.set(body.subarray(0, filled));
  freeChunk(body);
  return grown;
}
