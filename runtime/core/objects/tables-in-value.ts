// Where Arrow tables stand in a value, at any depth, and the same value with their bytes in their places.
//
// 1. What was given is not changed: what leads to a table is copied, once each, so that cycles and what is met twice
//    stay so. All else is the very same.
// 2. It is looked into where a structured clone looks: members of objects, items, entries, the causes of errors.

import { types } from "node:util";
import { isTable, tableToBytes } from "./arrow-tables.ts";

export interface WithoutTables {
  /** The value itself when no table is in it. */
  readonly value: unknown;
  /** Those that stand for tables. */
  readonly bytes: ReadonlySet<ArrayBufferView>;
}

/** Whether a value is a table or a short list that holds one: arguments mostly are. */
export function beginsWithTables(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= MAX_ARGUMENTS && value.some(isATable);
  return isATable(value);
}

const MAX_ARGUMENTS = 64;

/** Throws UNSUPPORTED when the library that made a table is not found. */
export function withoutTables(value: unknown): WithoutTables {
  const copies = copiesOf(waysToTables(value));
  const written = new Map<object, Uint8Array>();
  const replace = (item: unknown): unknown => {
    if (!isObject(item)) return item;
    if (!isTable(item)) return copies.get(item) ?? item;
    const bytes = written.get(item) ?? tableToBytes(item);
    written.set(item, bytes);
    return bytes;
  };
  for (const [original, copy] of copies) fill(original, copy, replace);
  return { value: replace(value), bytes: new Set(written.values()) };
}

/** The objects from which a table can be reached. */
function waysToTables(value: unknown): ReadonlySet<object> {
  const parents = new Map<object, object[]>();
  const tables: object[] = [];
  const unseen = isObject(value) ? [value] : [];
  for (let item = unseen.pop(); item !== undefined; item = unseen.pop()) {
    if (isTable(item)) {
      tables.push(item);
      continue;
    }
    for (const member of membersOf(item)) {
      if (!isObject(member)) continue;
      const known = parents.get(member);
      if (known === undefined) {
        parents.set(member, [item]);
        if (member !== value) unseen.push(member);
      } else known.push(item);
    }
  }
  const ways = new Set<object>();
  for (let item = tables.pop(); item !== undefined; item = tables.pop()) {
    for (const parent of parents.get(item) ?? []) {
      if (ways.has(parent)) continue;
      ways.add(parent);
      tables.push(parent);
    }
  }
  return ways;
}

/** Invariant 2. */
function* membersOf(item: object): Generator<unknown, void, undefined> {
  if (ArrayBuffer.isView(item) || types.isAnyArrayBuffer(item)) return;
  if (types.isMap(item)) for (const [key, entry] of item) yield* [key, entry];
  else if (types.isSet(item)) yield* item;
  else if (types.isNativeError(item)) yield item.cause;
  else for (const key of Object.keys(item)) yield Reflect.get(item, key);
}

function copiesOf(ways: ReadonlySet<object>): ReadonlyMap<object, object> {
  return new Map(Array.from(ways, (original) => [original, emptyLike(original)]));
}

/** What a clone writes as it would write the original: classes are none of it. */
function emptyLike(original: object): object {
  if (Array.isArray(original)) return Object.assign([], { length: original.length }); // holes stay
  if (types.isMap(original)) return new Map();
  if (types.isSet(original)) return new Set();
  if (types.isNativeError(original)) return errorLike(original);
  return {};
}

function errorLike({ message, name, stack }: Error): Error {
  const hidden = { configurable: true, writable: true };
  return Object.defineProperties(new Error(message), {
    name: { ...hidden, value: name },
    stack: { ...hidden, value: stack },
    cause: { ...hidden, value: undefined },
  });
}

function fill(original: object, copy: object, replace: (item: unknown) => unknown): void {
  if (types.isMap(original) && types.isMap(copy)) {
    for (const [key, entry] of original) copy.set(replace(key), replace(entry));
  } else if (types.isSet(original) && types.isSet(copy)) {
    for (const item of original) copy.add(replace(item));
  } else if (types.isNativeError(original)) {
    Reflect.set(copy, "cause", replace(original.cause));
  } else {
    const shown = { configurable: true, enumerable: true, writable: true };
    for (const key of Object.keys(original)) {
      Object.defineProperty(copy, key, { ...shown, value: replace(Reflect.get(original, key)) });
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !types.isProxy(value);
}

function isATable(value: unknown): boolean {
  return isObject(value) && isTable(value);
}
