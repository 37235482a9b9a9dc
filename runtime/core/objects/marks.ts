// How references and actor handles inside a value are found while it is encoded, without walking the value.
//
// A marked object has one property of its own, a getter: the serializer reads it as it comes by, which tells the encoder
// of the moment, and writes what it returns in the object's place.
//
// 1. The property is all that is written of a marked object, so it comes out as an object with this key alone.
// 2. Data that looks like a mark is none: a true one has a number that counts from the one its encoder drew; both that one
//    and what the marks stand for are written behind the value.
// 3. All marked objects of a class share one shape: making one costs as much as one property.

import { randomInt } from "node:crypto";
import type { ActorData, Id } from "../workers/messages.ts";

/** No key that a program would use. */
const MARK = "\u0000shoal";

/** What a marked object stands for: a reference to an object, or the handle of an actor. */
export type Mark = Id | ActorData;

/** Of this process (invariant 2). */
export const SEAL = randomInt(2 ** 48 - 1);

let found: Mark[] | undefined;

/** What is marked in the value that `encode` encodes. */
export function marksIn(encode: () => void): readonly Mark[] {
  const outer = found;
  const marks: Mark[] = [];
  found = marks;
  try {
    encode();
    return marks;
  } finally {
    found = outer;
  }
}

/** A constructor that gives what it was called with, so that a class made of it puts its fields on that. */
const Given = function (target: object): object {
  return target;
} as unknown as new (
  target: object,
) => object;

/** A private field on the marked object: nobody else sees it, and it costs next to nothing. */
class Marked extends Given {
  readonly #mark: Mark;

  constructor(target: object, mark: Mark) {
    super(target);
    this.#mark = mark;
  }

  static of(target: object): Mark | undefined {
    return #mark in target ? target.#mark : undefined;
  }
}

/** One for all (invariant 3). */
const PROPERTY: PropertyDescriptor = {
  enumerable: true,
  get(this: object): unknown {
    const mark = Marked.of(this);
    if (mark === undefined) return undefined;
    if (found === undefined) return typeof mark === "number" ? { object: mark } : { handle: mark };
    return SEAL + found.push(mark) - 1;
  },
};

export function markReference(reference: object, id: Id): void {
  mark(reference, id);
}

export function markHandle(handle: object, data: ActorData): void {
  mark(handle, data);
}

function mark(target: object, data: Mark): void {
  // The constructor gives the target itself.
  Object.defineProperty(new Marked(target, data), MARK, PROPERTY);
}

/** What was written of a value's marks: what they stand for, and the number they count from. */
export interface Marks {
  readonly list: readonly Mark[];
  readonly seal: number;
}

/** Which of the marks an object was written as; undefined for any other. */
export function placeOfMark(value: object, { list, seal }: Marks): number | undefined {
  if (!Object.hasOwn(value, MARK)) return undefined;
  const number: unknown = Reflect.get(value, MARK);
  return typeof number === "number" && list[number - seal] !== undefined ? number - seal : undefined;
}
