// BYTES elements as text.

import { bytesElements, ShoalError, type Tensor } from "../base/index.ts";

// A byte order mark is part of the text: what comes in must go out.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The elements of a BYTES tensor as strings. Throws INVALID_ARGUMENT naming the element that is not UTF-8. */
export function stringElements(tensor: Tensor): string[] {
  return bytesElements(tensor).map((element, index) => {
    try {
      return utf8.decode(element);
    } catch (error) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot read input "${tensor.name}": found bytes that are not UTF-8 in element ${index}, wanted text`,
        { cause: error },
      );
    }
  });
}
