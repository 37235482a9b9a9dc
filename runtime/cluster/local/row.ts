// Columns of sqlite's rows as what they must be; anything else is a broken invariant of our own tables.

import assert from "node:assert/strict";
import type { SQLOutputValue } from "node:sqlite";

export type Row = Readonly<Record<string, SQLOutputValue>>;

export function numberOf(row: Row | undefined, column: string): number {
  const value = row?.[column];
  assert(typeof value === "number", `column ${column} is ${typeof value}, not a number`);
  return value;
}

export function textOf(row: Row | undefined, column: string): string {
  const value = row?.[column];
  assert(typeof value === "string", `column ${column} is ${typeof value}, not text`);
  return value;
}

/** Undefined for NULL. */
export function bytesOf(row: Row | undefined, column: string): Uint8Array | undefined {
  const value = row?.[column];
  if (value === null) return undefined;
  assert(value instanceof Uint8Array, `column ${column} is ${typeof value}, not bytes`);
  return value;
}
