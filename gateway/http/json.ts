// JSON text to values, within a bound on depth and without losing digits of 64-bit integers.
//
// 1. Depth is bounded before anything is parsed.
// 2. An integer that a number cannot hold becomes a bigint, but only in a text that has one: the second,
//    slower parse is not paid by others.

import { isUtf8 } from "node:buffer";
import { messageOf, ShoalError } from "../../runtime/base/index.ts";

/** The most characters of a 64-bit integer; what is longer fits none, and costs more to read the longer it is. */
const INT64_DIGITS = 20;

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Parses a JSON body. Throws INVALID_ARGUMENT with the place of the fault. */
export function parseJson(body: Uint8Array, maxDepth: number): unknown {
  checkDepth(body, maxDepth);
  if (!isUtf8(body)) throw new ShoalError("INVALID_ARGUMENT", "Cannot read the JSON: it is not valid UTF-8");
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new ShoalError("INVALID_ARGUMENT", `Cannot read the JSON: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Parses again what `parseJson` took, with whole numbers past 2^53 as bigint (invariant 2). */
export function parseJsonExactly(body: Uint8Array): unknown {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
    return source.length <= INT64_DIGITS && /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

function checkDepth(body: Uint8Array, maxDepth: number): void {
  if (fewOpenings(body, maxDepth)) return;
  let depth = 0;
  for (let index = 0; index < body.byteLength; index++) {
    const byte = body[index];
    if (byte === QUOTE) index = endOfString(body, index);
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth++;
      if (depth > maxDepth) {
        throw new ShoalError(
          "INVALID_ARGUMENT",
          `Cannot read the JSON: found more than ${maxDepth} levels at byte ${index}, wanted at most ${maxDepth}`,
        );
      }
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth--;
  }
}

/** True when there are too few opening brackets for the depth to matter; found by native search. */
function fewOpenings(body: Uint8Array, maxDepth: number): boolean {
  let openings = 0;
  for (const opening of [OPEN_BRACKET, OPEN_BRACE]) {
    for (let at = body.indexOf(opening); at !== -1; at = body.indexOf(opening, at + 1)) {
      openings++;
      if (openings > maxDepth) return false;
    }
  }
  return true;
}

function endOfString(body: Uint8Array, start: number): number {
  for (let at = body.indexOf(QUOTE, start + 1); at !== -1; at = body.indexOf(QUOTE, at + 1)) {
    let backslashes = 0;
    while (body[at - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return body.byteLength;
}
