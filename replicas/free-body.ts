// Giving the memory of bodies back by hand. The collector counts what lies outside the heap and runs to find it again: with
// bodies of 600 KB left to it, it marked the whole heap once in sixteen requests, which was half of what a request cost.
//
// 1. Only who is sure to be the last reader may free: every view on the bytes is empty from then on.

import { freeChunk } from "../runtime/base/index.ts";

/** Below this the collector is cheaper: a young body costs it nothing but a count. */
export const FREE_BYTES = 16 * 1024;

/** Frees a body that nobody will read again, if that is worth it; a view on a part of a buffer is left alone. */
export function freeBody(bytes: Uint8Array): void {
  if (bytes.byteLength >= FREE_BYTES) freeChunk(bytes);
}
