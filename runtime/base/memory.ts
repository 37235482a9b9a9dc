// Giving memory back before the garbage collector would: bodies of many megabytes live outside the heap, where the
// collector sees little of their weight and lets several dead ones lie.
//
// 1. Only who is sure to be the last holder may free: every view on the bytes is empty from then on.

/** Below this, freeing by hand gains nothing. */
const LARGE_BYTES = 1024 * 1024;

/**
 * Frees bytes that nobody will read again, if they are large; does nothing to a view on a part of a larger buffer.
 */
export function freeLarge(bytes: Uint8Array): void {
  if (bytes.byteLength >= LARGE_BYTES) freeWhole(bytes);
}

/** Frees bytes that were copied elsewhere, such as a chunk read from a socket; a view on a part is left alone. */
export function freeChunk(bytes: Uint8Array): void {
  freeWhole(bytes);
}

function freeWhole({ buffer, byteLength }: Uint8Array): void {
  // Moving to a buffer of length 0 detaches this one and frees its memory at once.
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength > 0) buffer.transfer(0);
}
