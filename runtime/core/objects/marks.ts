// How references and actor handles inside a value are found while it is encoded, without walking the value.
//
// A marked object has one property of its own, a getter: the serializer reads it as it comes by, which tells the encoder
// of the moment, and writes what it returns in the object's place.
//
// 1. The property is all that is written of a marked object, so it comes out as an object with this key alone.
// 2. Data that looks like a mark is none: a true one has the number that its encoder drew and wrote beside the value.
// 3. All marked objects of a class share one shape: making one costs as much as one property.

import { randomInt } from "node:crypto";
import type { ActorData, Id } from "../workers/messages.ts";

/** No key that a program would use. */
const MARK = "\u0000shoal";

export type Mark = { readonly object: Id } | { readonly handle: ActorData };

/** Of this process (invariant 2). */
export const SEAL = randomInt(2 ** 48 - 1);

let found: ((id: Id) => void) | undefined;

/** Calls `encode` with `onReference` told of the id of each mark that is read. */
export function noticingMarks<T>(onReference: (id: Id) => void, encode: () => T): T {
  const outer = found;
  found = onReference;
  try {
    return encode();
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
  readonly #mark: Id | ActorData;

  constructor(target: object, mark: Id | ActorData) {
    super(target);
    this.#mark = mark;
  }

  static of(target: object): Id | ActorData | undefined {
    return #mark in target ? target.#mark : undefined;
  }
}

/** One for all (invariant 3). */
const PROPERTY: PropertyDescriptor = {
  enumerable: true,
  get(this: object): unknown {
    const mark = Marked.of(this);
    if (mark === undefined) return undefined;
    const data: Mark = typeof mark === "number" ? { object: mark } : { handle: mark };
    if (found === undefined) return data;
    found(typeof mark === "number" ? mark : mark.actor);
    return { ...data, seal: SEAL };
  },
};

export function markReference(reference: object, id: Id): void {
  mark(reference, id);
}

export function markHandle(handle: object, data: ActorData): void {
  mark(handle, data);
}

function mark(target: object, data: Id | ActorData): void {
  // The constructor gives the target itself.
  Object.defineProperty(new Marked(target, data), MARK, PROPERTY);
}

/** The id of a reference; undefined for anything else. */
export function referenceIn(value: unknown): Id | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const mark = Marked.of(value);
  return typeof mark === "number" ? mark : undefined;
}

/** The mark an object was written as by the encoder of that seal; undefined for any other. */
export function markOf(value: object, seal: number): Mark | undefined {
  if (!Object.hasOwn(value, MARK)) return undefined;
  const data: unknown = Reflect.get(value, MARK);
  if (typeof data !== "object" || data === null || Reflect.get(data, "seal") !== seal) return undefined;
  return data as Mark;
}
