// BOOL elements: a byte each, 0 or 1. A client may send any byte; to ORT's C++ another value is undefined behaviour, and user
// code is promised that there is none.

import { ShoalError, type Tensor } from "../base/index.ts";

/** The elements of a BOOL tensor, as a view. Throws INVALID_ARGUMENT naming the first that is neither 0 nor 1. */
export function flagElements({ name, bytes }: Tensor): Uint8Array {
  const index = bytes.findIndex((value) => value > 1);
  if (index < 0) return bytes;
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read input "${name}": found ${bytes[index]} in element ${index}, wanted 0 or 1 for BOOL`,
  );
}
