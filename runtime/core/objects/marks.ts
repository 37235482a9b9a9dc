// How references and actor handles inside a value are found while it is encoded, without walking the value.
//
// A marked object has one property of its own, a getter: the serializer reads it as it comes by, which tells the encoder
// of the moment, and writes what it returns in the object's place.
//
// 1. The property is all that is written of a marked object, so it comes out as an object with this key alone.

import type { ActorData, Id } from "../workers/messages.ts";

/** No key that a program would use. */
export const MARK = "\u0000shoal";

export type Mark = { readonly object: Id } | { readonly handle: ActorData };

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

export function markReference(reference: object, id: Id): void {
  define(reference, () => {
    found?.(id);
    return { object: id };
  });
}

export function markHandle(handle: object, data: ActorData): void {
  define(handle, () => {
    found?.(data.actor);
    return { handle: data };
  });
}

function define(target: object, get: () => Mark): void {
  Object.defineProperty(target, MARK, { enumerable: true, get });
}

/** The mark an object was written as; undefined for any other. */
export function markOf(value: object): Mark | undefined {
  if (!Object.hasOwn(value, MARK)) return undefined;
  const mark: unknown = Reflect.get(value, MARK);
  return typeof mark === "object" && mark !== null ? (mark as Mark) : undefined;
}
