// Giving memory back before the garbage collector would. Bodies live outside the heap: of the largest the collector lets
// several dead ones lie, and for the others it marks the whole heap, once in sixteen requests with bodies of 600 KB,
// which was half of what such a request cost.
//
// 1. Only who is sure that nobody looks at the bytes again may free: every view on them is empty from then on.
// 2. What somebody reads who does not know when others are done with it (a socket, another thread, a copy of a request) is
//    pinned meanwhile: freed before, it is gone when the last of them lets go.

/** Below this the collector is cheaper: what dies young costs it next to nothing. */
export const LARGE_BYTES = 16 * 1024;

/**
 * Frees bytes that nobody will read again, if they are large; does nothing to a view on a part of a larger buffer.
 */
export function freeLarge(bytes: Uint8Array): void {
  if (bytes.byteLength >= LARGE_BYTES) freeWhole(bytes);
}

/**
 * Frees bytes that were copied elsewhere, such as a chunk read from a socket; a view on a part is left alone. A chunk may
 * end before its buffer does: Node keeps the rest of what it read into, when that is little. Buffers that several pieces
 * share are Buffer's pool, of which none takes as much as half.
 */
export function freeChunk({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset === 0 && 2 * byteLength > buffer.byteLength) freeWhole(new Uint8Array(buffer));
}

/** What ends memory that V8 has not allocated. */
const endings = new WeakMap<ArrayBuffer, () => void>();

/** Has `end` called when the buffer is freed here: no view reaches its memory then. */
export function whenFreed(buffer: ArrayBuffer, end: () => void): void {
  endings.set(buffer, end);
}

interface Pin {
  readers: number;
  isFreed: boolean;
}

const pins = new WeakMap<ArrayBufferLike, Pin>();

/** Keeps the memory of these parts from being freed until it is disposed of, once (invariant 2). */
export function pin(parts: readonly Uint8Array[]): Disposable {
  const buffers = new Set(parts.map(({ buffer }) => buffer));
  for (const buffer of buffers) {
    const own = pins.get(buffer);
    if (own === undefined) pins.set(buffer, { readers: 1, isFreed: false });
    else own.readers++;
  }
  return {
    [Symbol.dispose]: () => {
      for (const buffer of buffers) unpin(buffer);
      buffers.clear();
    },
  };
}

function unpin(buffer: ArrayBufferLike): void {
  const own = pins.get(buffer);
  if (own === undefined || --own.readers > 0) return;
  pins.delete(buffer);
  if (own.isFreed) freeWhole(new Uint8Array(buffer));
}

function freeWhole({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || byteLength !== buffer.byteLength || byteLength === 0) return;
  const own = pins.get(buffer);
  if (own !== undefined) {
    own.isFreed = true; // invariant 2
    return;
  }
  // Moving to a buffer of length 0 detaches this one and frees its memory at once.
  buffer.transfer(0);
  endings.get(buffer)?.();
}
