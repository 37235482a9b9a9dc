// The quick way for small values, which most arguments and results are: JSON, several times as quick as a clone.
//
// 1. It is taken only for what JSON gives back exactly: no -0, NaN, holes, classes, cycles, and no object met twice.

import { types } from "node:util";

/** Longer texts are cloned. */
const MAX_CHARS = 1_024;
const MAX_MEMBERS = 64;

export type PlainText =
  | { readonly kind: "TEXT"; readonly text: string }
  /** Of a list with undefined in it: the text is `[places of undefined, list]`. */
  | { readonly kind: "TEXT_WITH_GAPS"; readonly text: string };

/** Undefined for what has to be cloned. */
export function toPlainText(value: unknown): PlainText | undefined {
  if (!isExact(value) && !isFlat(value) && !isListOfFlat(value)) {
    return Array.isArray(value) && value.length <= MAX_MEMBERS ? withGaps(value) : undefined;
  }
  const text = JSON.stringify(value);
  return text.length <= MAX_CHARS ? { kind: "TEXT", text } : undefined;
}

export function fromTextWithGaps(text: string): unknown {
  const written: unknown = JSON.parse(text);
  const [gaps, list]: unknown[] = Array.isArray(written) ? written : [];
  if (!Array.isArray(gaps) || !Array.isArray(list)) throw new Error("it is no list");
  for (const place of gaps) list[Number(place)] = undefined;
  return list;
}

/** The arguments of a task where references stood. */
function withGaps(list: readonly unknown[]): PlainText | undefined {
  const gaps: number[] = [];
  const rest = list.filter((item, place) => item !== undefined || gaps.push(place) === 0);
  if (gaps.length === 0 || gaps.length + rest.length !== list.length || !isListOfFlat(rest)) return undefined;
  if (!hasOnlyItems(list)) return undefined;
  const text = JSON.stringify([gaps, list]);
  return text.length <= MAX_CHARS ? { kind: "TEXT_WITH_GAPS", text } : undefined;
}

function isListOfFlat(value: unknown): boolean {
  if (!Array.isArray(value) || !hasOnlyItems(value)) return false;
  return value.every((item, place) => isExact(item) || (isFlat(item) && value.indexOf(item) === place));
}

/** A list or plain object of exact values. */
function isFlat(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return hasOnlyItems(value) && value.every(isExact);
  if (Object.getPrototypeOf(value) !== Object.prototype || types.isProxy(value)) return false;
  const keys = Object.keys(value);
  return keys.length <= MAX_MEMBERS && keys.every((key) => isExact(Reflect.get(value, key)));
}

/** No holes, no members beside its items. */
function hasOnlyItems(list: readonly unknown[]): boolean {
  const { length } = list;
  if (length === 0) return !types.isProxy(list) && Object.keys(list).length === 0;
  return length <= MAX_MEMBERS && Object.keys(list).length === length && !types.isProxy(list);
}

function isExact(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value === "string") return value.length <= MAX_CHARS;
  return typeof value === "boolean" || value === null;
}
