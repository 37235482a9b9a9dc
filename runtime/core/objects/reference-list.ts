// Lists of nothing but references as bytes: their ids. Thousands in one object are common, and a clone of them is slow to read.

import type { Id } from "../workers/messages.ts";
import { referenceIn } from "./marks.ts";

const ID_BYTES = Float64Array.BYTES_PER_ELEMENT;

/** The ids of a list of references; undefined for anything else, also for one with a reference in it twice. */
export function idsOfList(value: unknown): Id[] | undefined {
  if (!Array.isArray(value) || referenceIn(value[0]) === undefined) return undefined;
  const ids: Id[] = [];
  for (const item of value) {
    const id = referenceIn(item);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  // What was one object has to stay one, and what else a list may have would be lost: that is for the clone.
  const isPlain = Object.keys(value).length === ids.length && new Set(ids).size === ids.length;
  return isPlain ? ids : undefined;
}

export function writeIds(ids: readonly Id[], kind: number): Buffer {
  const bytes = Buffer.allocUnsafe(1 + ids.length * ID_BYTES);
  bytes[0] = kind;
  for (const [index, id] of ids.entries()) bytes.writeDoubleLE(id, 1 + index * ID_BYTES);
  return bytes;
}

/** Of what `writeIds` wrote. */
export function readIds<T>(bytes: Buffer, make: (id: Id) => T): T[] {
  const made: T[] = [];
  for (let at = 1; at + ID_BYTES <= bytes.byteLength; at += ID_BYTES) made.push(make(bytes.readDoubleLE(at)));
  return made;
}
