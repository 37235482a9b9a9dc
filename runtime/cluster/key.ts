// What keys, prefixes and changes may look like, on every adapter: what sqlite and a NATS subject can both hold.

import { ShoalError } from "../base/index.ts";
import { type Change, MAX_CHANGES, MAX_VALUE_BYTES } from "./backend.ts";

const MAX_KEY_LENGTH = 512;
const KEY = /^[A-Za-z0-9_.=-]+(?:\/[A-Za-z0-9_.=-]+)*$/;

/** Throws INVALID_ARGUMENT. */
export function checkKey(key: string): void {
  if (key.length <= MAX_KEY_LENGTH && KEY.test(key)) return;
  throw refusal(
    `the key ${quote(key)}`,
    `at most ${MAX_KEY_LENGTH} letters, digits and _ . = - in segments joined by /`,
  );
}

/** Throws INVALID_ARGUMENT. */
export function checkPrefix(prefix: string): void {
  if (prefix === "") return;
  if (!prefix.endsWith("/"))
    throw refusal(`the prefix ${quote(prefix)}`, 'whole segments with "/" at the end, or ""');
  checkKey(prefix.slice(0, -1));
}

/** Throws INVALID_ARGUMENT. */
export function checkChanges(changes: readonly Change[]): void {
  if (changes.length === 0 || changes.length > MAX_CHANGES) {
    throw refusal(`${changes.length} changes in one commit`, `from 1 to ${MAX_CHANGES}`);
  }
  const keys = new Set<string>();
  for (const change of changes) {
    checkKey(change.key);
    if (keys.has(change.key))
      throw refusal(`the key ${quote(change.key)} twice in one commit`, "each key once");
    keys.add(change.key);
    if (change.kind === "put" && change.value.byteLength > MAX_VALUE_BYTES) {
      const found = `a value of ${change.value.byteLength} bytes for ${quote(change.key)}`;
      throw refusal(found, `at most ${MAX_VALUE_BYTES}`);
    }
    const { expected } = change;
    if (expected !== undefined && !(Number.isSafeInteger(expected) && expected >= 0)) {
      throw refusal(`the expected revision ${expected}`, "a whole number from 0");
    }
  }
}

function refusal(found: string, wanted: string): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot use the store: found ${found}, wanted ${wanted}`);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
