// JSON of a body whose long lists of numbers are read from its bytes, and only the small rest by JSON.parse: of a
// tensor's elements no text, no list and no garbage is made.
//
// 1. What is read here JSON.parse would read, to the same values; everything else, faults above all, is left to it.
// 2. A list stands in the rest as a list as well, so that the rest is JSON exactly when the body is.
// 3. What was not taken by somebody who knows what stands there has not been looked at: then nothing here counts.

import { ShoalError } from "../../runtime/base/index.ts";
import { type FoundNumbers, type NumberList, NumberReader } from "./number-list.ts";

/** Below this JSON.parse is as quick. */
const MIN_BYTES = 1024;
/** Shorter lists, such as shapes, stay in the rest. */
const MIN_NUMBERS = 64;
/** A longer rest has more in it than tensors of numbers. */
const MAX_REST_BYTES = 4096;
/** What stands for a list: a list of one text, which the rest cannot have, for it has no escapes. */
const MARK = "\0";

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** A parsed body, and how its lists of numbers are had. */
export class SparseJson {
  readonly value: unknown;
  readonly #reader: NumberReader;
  readonly #lists: readonly FoundNumbers[];
  readonly #taken = new Set<FoundNumbers>();

  /** Made by `readSparse`. */
  constructor(value: unknown, reader: NumberReader, lists: readonly FoundNumbers[]) {
    this.value = value;
    this.#reader = reader;
    this.#lists = lists;
  }

  /** The list of numbers that `place` stands for; undefined when it is what it seems to be. */
  take(place: unknown): NumberList | undefined {
    if (!Array.isArray(place)) return undefined;
    const [mark]: unknown[] = place;
    if (typeof mark !== "string" || !mark.startsWith(MARK)) return undefined;
    const list = this.#lists[Number(mark.slice(MARK.length))];
    if (list === undefined) return undefined;
    this.#taken.add(list);
    return this.#reader.listOf(list);
  }

  /** Invariant 3. */
  get allTaken(): boolean {
    return this.#taken.size === this.#lists.length;
  }
}

interface SparseLimits {
  readonly maxElements: number;
  readonly maxJsonDepth: number;
}

/**
 * What `decode` makes of a body that is read so; undefined when the body is to be decoded by `parseJson`: then that says
 * what is wrong with it, if anything is (invariant 1).
 */
export function trySparse<T>(
  body: Uint8Array,
  limits: SparseLimits,
  decode: (sparse: SparseJson) => T,
): T | undefined {
  const sparse = readSparse(body, limits);
  if (sparse === undefined) return undefined;
  try {
    const decoded = decode(sparse);
    return sparse.allTaken ? decoded : undefined; // invariant 3
  } catch (thrown) {
    if (thrown instanceof ShoalError) return undefined;
    throw thrown;
  }
}

/**
 * The body read so; undefined when that is not possible or gains nothing. What `take` gives is to be used before the
 * next body is read.
 */
function readSparse(bytes: Uint8Array, { maxElements, maxJsonDepth }: SparseLimits): SparseJson | undefined {
  if (bytes.byteLength < MIN_BYTES) return undefined;
  const body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new NumberReader(body, maxElements);
  const lists: FoundNumbers[] = [];
  let rest = "";
  let from = 0;
  let listBytes = 0;
  let depth = 0;
  for (let at = 0; at < body.byteLength; at++) {
    if (at - listBytes > MAX_REST_BYTES || depth > maxJsonDepth) return undefined;
    const byte = body[at];
    if (byte === QUOTE) {
      at = body.indexOf(QUOTE, at + 1);
      if (at === -1) return undefined;
    } else if (byte === OPEN_BRACE) depth++;
    else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth--;
    else if (byte === OPEN_BRACKET) {
      if (!reader.begins(at, maxJsonDepth - depth)) {
        depth++;
        continue;
      }
      const found = reader.read(at);
      if (found === undefined) return undefined;
      if (found.count < MIN_NUMBERS) reader.forget(found);
      else {
        const text = restOf(body, from, at);
        if (text === undefined) return undefined;
        rest += `${text}["\\u0000${lists.length}"]`;
        lists.push(found); // invariant 2
        listBytes += found.end - at;
        from = found.end;
      }
      at = found.end - 1;
    }
  }
  const text = restOf(body, from, body.byteLength);
  if (lists.length === 0 || text === undefined) return undefined;
  try {
    return new SparseJson(JSON.parse(rest + text), reader, lists);
  } catch {
    return undefined; // invariant 1
  }
}

/**
 * Text of the rest; undefined when it has an escape, so that nothing in it can be taken for a mark or for a string's end, or
 * the character that stands for what is no UTF-8.
 */
function restOf(body: Buffer, from: number, to: number): string | undefined {
  const text = body.toString("utf8", from, to);
  return text.includes("\\") || text.includes("\ufffd") ? undefined : text;
}
