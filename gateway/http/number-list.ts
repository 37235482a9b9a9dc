// Reads a JSON list of numbers, flat or nested, straight from the bytes of a body into doubles.
//
// 1. What is read is what JSON.parse would give, bit by bit; what JSON does not have (leading zeros, `1.`, NaN, a comma
//    too many) is not read at all.
// 2. Lists of one level are equally long, so that the list has a shape; another is not read.
//
// "Not read" is undefined, never an error: whoever asks falls back on JSON.parse, whose words a client knows.

import { EXACT_POWERS, POWERS, scaled } from "./decimal.ts";

export interface NumberList {
  /** How long the lists of each level are; no list is empty. */
  readonly shape: readonly number[];
  /** Row-major. A view on memory that the next body is read into. */
  readonly values: Float64Array;
  /** No magnitude is larger than this, which one in the same body has. */
  readonly largest: number;
}

/** Where a list was found. */
export interface FoundNumbers {
  readonly shape: readonly number[];
  /** Index of its first number among all that were read. */
  readonly first: number;
  readonly count: number;
  /** No magnitude is larger. */
  readonly largest: number;
  /** Just behind its last bracket. */
  readonly end: number;
}

/** Kept between bodies, in numbers: 2 MiB. Memory touched before is several times as quick to write. */
const KEPT_NUMBERS = 256 * 1024;
const FIRST_NUMBERS = 4 * 1024;
/** So many numbers, and one in so many, may be such as take a call of JSON.parse's own routine: more are its business. */
const UNUSUAL = 64;
const SELDOM = 16;
/** Digits that a small integer holds, whatever they are. */
const SMALL_DIGITS = 9;

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const SPACE = 0x20;
const SMALL_E = 0x65;
const TO_SMALL = 0x20;

let kept = new Float64Array(FIRST_NUMBERS);

/** Reads the lists of one body. */
export class NumberReader {
  readonly #body: Buffer;
  readonly #maxNumbers: number;
  #room = kept;
  #count = 0;
  #at = 0;
  #unusual = 0;
  #largest = 0;

  /** Never reads more than `maxNumbers` in all. */
  constructor(body: Buffer, maxNumbers: number) {
    this.#body = body;
    this.#maxNumbers = maxNumbers;
  }

  /** Whether a list within at most `mostDepth` brackets begins with a number, the first bracket at `start`. */
  begins(start: number, mostDepth: number): boolean {
    this.#at = start;
    const depth = this.#open(mostDepth);
    const byte = this.#body[this.#at] ?? -1;
    return depth > 0 && (byte === MINUS || (byte - ZERO) >>> 0 <= 9);
  }

  /** The list of numbers that begins at `start`; undefined when it is not one to read here. */
  read(start: number): FoundNumbers | undefined {
    const first = this.#count;
    this.#at = start;
    const depth = this.#open(Number.POSITIVE_INFINITY);
    const shape: number[] = Array.from({ length: depth }, () => 0);
    const lengths = shape.slice();
    for (;;) {
      lengths[depth - 1] = this.#row();
      let open = depth;
      while (open > 0) {
        // One list ends here: it is as long as its siblings (invariant 2), and one more in the list around it.
        open--;
        const length = lengths[open] ?? 0;
        if (length === 0 || (shape[open] !== 0 && shape[open] !== length)) return undefined;
        shape[open] = length;
        lengths[open] = 0;
        if (open === 0) {
          return { shape, first, count: this.#count - first, largest: this.#largest, end: this.#at };
        }
        lengths[open - 1] = (lengths[open - 1] ?? 0) + 1;
        const next = this.#skip();
        if (next === CLOSE) this.#at++;
        else if (next === COMMA) break;
        else return undefined;
      }
      this.#at++;
      this.#skip();
      if (this.#open(depth - open) !== depth - open) return undefined;
    }
  }

  /** Forgets the numbers of a list that was read last. */
  forget({ first }: FoundNumbers): void {
    this.#count = first;
  }

  listOf({ shape, first, count, largest }: FoundNumbers): NumberList {
    return { shape, values: this.#room.subarray(first, first + count), largest };
  }

  /** Goes past at most `most` opening brackets and says how many there were. */
  #open(most: number): number {
    let opened = 0;
    while (opened < most && this.#body[this.#at] === OPEN) {
      opened++;
      this.#at++;
      this.#skip();
    }
    return opened;
  }

  /** The next byte that is no white space; -1 at the end. */
  #skip(): number {
    let byte = this.#body[this.#at] ?? -1;
    while (isSpace(byte)) byte = this.#body[++this.#at] ?? -1;
    return byte;
  }

  /** Reads numbers up to and with the closing bracket; gives how many, 0 when there is anything else (invariant 1). */
  #row(): number {
    const body = this.#body;
    const before = this.#count;
    let room = this.#room;
    let largest = this.#largest;
    let limit = Math.min(room.length, this.#maxNumbers);
    let count = before;
    let at = this.#at;
    let byte = body[at] ?? -1;
    for (;;) {
      const start = at;
      const negative = byte === MINUS;
      if (negative) byte = body[++at] ?? -1;
      // As an unsigned number what is below "0" is above 9 as well.
      let digit = byte - ZERO;
      if (digit >>> 0 > 9) return 0;
      // The first nine digits and the next nine, each a small integer: there is nothing quicker.
      let head = digit;
      let tail = 0;
      let digits = digit === 0 ? 0 : 1;
      let places = 0;
      byte = body[++at] ?? -1;
      if (digits > 0) {
        for (digit = byte - ZERO; digit >>> 0 <= 9; digit = byte - ZERO) {
          if (digits < SMALL_DIGITS) head = (head * 10 + digit) | 0;
          else tail = (tail * 10 + digit) | 0;
          digits++;
          byte = body[++at] ?? -1;
        }
      }
      if (byte === DOT) {
        byte = body[++at] ?? -1;
        const point = at;
        if (digits === 0) while (byte === ZERO) byte = body[++at] ?? -1;
        for (digit = byte - ZERO; digits < SMALL_DIGITS && digit >>> 0 <= 9; digit = byte - ZERO) {
          head = (head * 10 + digit) | 0;
          digits++;
          byte = body[++at] ?? -1;
        }
        for (; digit >>> 0 <= 9; digit = byte - ZERO) {
          tail = (tail * 10 + digit) | 0;
          digits++;
          byte = body[++at] ?? -1;
        }
        places = at - point;
        if (places === 0) return 0;
      }
      if ((byte | TO_SMALL) === SMALL_E) {
        byte = body[++at] ?? -1;
        const down = byte === MINUS;
        if (down || byte === PLUS) byte = body[++at] ?? -1;
        const first = at;
        let exponent = 0;
        for (digit = byte - ZERO; digit >>> 0 <= 9; digit = byte - ZERO) {
          if (exponent < 100_000) exponent = exponent * 10 + digit;
          byte = body[++at] ?? -1;
        }
        if (at === first) return 0;
        places += down ? exponent : -exponent;
      }
      let value: number;
      if (digits <= SMALL_DIGITS && places >= 0 && places <= EXACT_POWERS) {
        value = head / (POWERS[places] ?? 0);
      } else {
        value = long(head, tail, { digits, places });
        if (Number.isNaN(value)) {
          if (++this.#unusual > UNUSUAL + count / SELDOM) return 0;
          value = Math.abs(Number(body.toString("latin1", start, at)));
        }
      }
      if (count === limit) {
        if (count === this.#maxNumbers) return 0;
        room = this.#grow();
        limit = room.length;
      }
      if (value > largest) largest = value;
      room[count++] = negative ? -value : value;
      while (isSpace(byte)) byte = body[++at] ?? -1;
      if (byte === CLOSE) {
        this.#at = at + 1;
        this.#count = count;
        this.#largest = largest;
        return count - before;
      }
      if (byte !== COMMA) return 0;
      byte = body[++at] ?? -1;
      while (isSpace(byte)) byte = body[++at] ?? -1;
    }
  }

  #grow(): Float64Array<ArrayBuffer> {
    const grown = new Float64Array(Math.min(2 * this.#room.length, this.#maxNumbers));
    grown.set(this.#room);
    this.#room = grown;
    if (grown.length <= KEPT_NUMBERS) kept = grown;
    return grown;
  }
}

function long(head: number, tail: number, { digits, places }: { digits: number; places: number }): number {
  if (digits <= SMALL_DIGITS) return scaled(head, 0, places);
  if (digits > 2 * SMALL_DIGITS) return Number.NaN;
  // head * 10^(digits - 9) in two parts that are exact.
  const power = POWERS[digits - SMALL_DIGITS] ?? 0;
  return scaled((head >> 15) * power * 32_768, (head & 32_767) * power + tail, places);
}

function isSpace(byte: number): boolean {
  return byte <= SPACE && (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09);
}
