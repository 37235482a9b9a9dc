// Puts references and handles where their marks stand in a decoded value.
//
// 1. Each object is looked at once, so that cycles end and what was one object stays one.

import type { ActorData, Id } from "../workers/messages.ts";
import { type Mark, type Marks, placeOfMark } from "./marks.ts";

export interface DecodeOptions {
  readonly reference: (id: Id) => object;
  readonly handle: (data: ActorData) => object;
}

export function unmark(value: unknown, marks: Marks, options: DecodeOptions): unknown {
  const seen = new Set<object>(); // invariant 1
  const wholes: object[] = [];
  const visit = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null || ArrayBuffer.isView(item)) return item;
    const place = placeOfMark(item, marks);
    const mark = place === undefined ? undefined : marks.list[place];
    if (place !== undefined && mark !== undefined) return (wholes[place] ??= wholeOf(mark, options));
    if (seen.has(item)) return item;
    seen.add(item);
    visitMembers(item, visit);
    return item;
  };
  return visit(value);
}

function wholeOf(mark: Mark, options: DecodeOptions): object {
  return typeof mark === "number" ? options.reference(mark) : options.handle(mark);
}

function visitMembers(value: object, visit: (item: unknown) => unknown): void {
  if (value instanceof Map) {
    const entries = [...value];
    value.clear();
    for (const [key, item] of entries) value.set(visit(key), visit(item));
  } else if (value instanceof Set) {
    const items = [...value];
    value.clear();
    for (const item of items) value.add(visit(item));
  } else {
    // Not `keys`: the cause of an error is not enumerable.
    const keys = value instanceof Error ? Object.getOwnPropertyNames(value) : Object.keys(value);
    for (const key of keys) {
      const item: unknown = Reflect.get(value, key);
      if (typeof item !== "object" || item === null) continue;
      const whole = visit(item);
      if (whole !== item) Reflect.set(value, key, whole);
    }
  }
}
