// The bodies of open requests: together they are bounded in bytes.
//
// 1. What is held never exceeds the bound; a request that would is refused, before anything of its body is read when it
//    announces its length.
// 2. Memory is freed here only when nobody looks at the body any more; what is still read of it is pinned.
// 3. Who has left holds nothing: what was given back when it left would never be given back again.
//
// Bodies below LARGE_BYTES are not counted: the bound on open requests bounds them as well.

import type { IncomingMessage } from "node:http";
import { freeLarge, LARGE_BYTES, ShoalError, type Tensor } from "../../runtime/base/index.ts";

interface Held {
  readonly room: OpenBodies;
  bytes: number;
  body: Uint8Array | undefined;
}

const held = new WeakMap<IncomingMessage, Held>();

const RETRY_AFTER_MS = 1_000;

export class OpenBodies {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Throws OVERLOADED when there is no room for so many bytes more (invariant 1). */
  check(bytes: number): void {
    if (this.#bytes + bytes <= this.#maxBytes) return;
    throw new ShoalError(
      "OVERLOADED",
      `Cannot take a body: found ${this.#bytes} bytes of bodies open and ${bytes} more, wanted at most max_open_body_bytes ${this.#maxBytes}`,
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }

  /**
   * The request's body takes `bytes` in memory from now on. Throws OVERLOADED, and holds what it held before; CANCELLED once
   * the client is gone (invariant 3).
   */
  hold(request: IncomingMessage, bytes: number): void {
    const own = held.get(request);
    const before = own?.bytes ?? 0;
    if (bytes < LARGE_BYTES && before === 0) return;
    if (request.socket.destroyed) {
      throw new ShoalError("CANCELLED", "Cannot take a body: the client went away"); // invariant 3
    }
    this.check(bytes - before);
    this.#bytes += bytes - before;
    if (own === undefined) held.set(request, { room: this, bytes, body: undefined });
    else own.bytes = bytes;
  }

  /** `body` is whole now, and the request's: it may be freed with it. */
  keep(request: IncomingMessage, body: Uint8Array): void {
    const own = held.get(request);
    if (own !== undefined) own.body = body;
  }

  /** Gives the room of a request back, and forgets its body. Idempotent. */
  static release(request: IncomingMessage): void {
    const own = held.get(request);
    if (own === undefined) return;
    held.delete(request);
    own.room.#bytes -= own.bytes;
  }

  /** The same, and frees the memory (invariant 2): every view on the body is empty afterwards. */
  static free(request: IncomingMessage): void {
    const own = held.get(request);
    if (own === undefined) return;
    OpenBodies.release(request);
    if (own.body !== undefined) freeLarge(own.body);
  }

  /** Whether one of the tensors is a view on the request's body. */
  static views(request: IncomingMessage, tensors: readonly Tensor[]): boolean {
    const body = held.get(request)?.body;
    return body !== undefined && tensors.some(({ bytes }) => bytes.buffer === body.buffer);
  }
}
