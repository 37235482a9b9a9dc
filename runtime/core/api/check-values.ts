// Checks of single values that a user gave: each throws INVALID_ARGUMENT with the option, whose it is, what was found
// and what was wanted. The compiler checks types where it is asked; JavaScript and what came from outside it does not.

import { ShoalError } from "../../base/index.ts";

export function count(key: string, value: unknown, least: number, name: string): void {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least)
    throw refuse(key, value, `a whole number from ${least}`, name);
}

/** Seconds, shares, milliseconds: anything from 0, also Infinity with `infinite`. */
export function amount(key: string, value: unknown, name: string, infinite = false): void {
  if (typeof value === "number" && value >= 0 && (infinite || Number.isFinite(value))) return;
  throw refuse(key, value, "a number from 0", name);
}

export function positive(key: string, value: unknown, name: string): void {
  if (typeof value !== "number" || !(value > 0)) throw refuse(key, value, "a number above 0", name);
}

export function oneOf(key: string, value: unknown, wanted: readonly string[], name: string): void {
  if (typeof value !== "string" || !wanted.includes(value))
    throw refuse(key, value, `one of ${wanted.join(", ")}`, name);
}

export function text(key: string, value: unknown, name: string): void {
  if (typeof value !== "string" || value === "") throw refuse(key, value, "a text", name);
}

export function flag(key: string, value: unknown, name: string): void {
  if (typeof value !== "boolean") throw refuse(key, value, "true or false", name);
}

export function callback(key: string, value: unknown, name: string): void {
  if (typeof value !== "function") throw refuse(key, value, "a function", name);
}

/** An object with names of the user's own. */
export function fields(key: string, value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuse(key, value, "an object", name);
}

export function texts(key: string, value: unknown, name: string): void {
  fields(key, value, name);
  for (const [field, inner] of Object.entries(Object(value))) {
    if (typeof inner !== "string") throw refuse(`${key}.${field}`, inner, "a text", name);
  }
}

export function list(key: string, value: unknown, name: string): void {
  if (!Array.isArray(value)) throw refuse(key, value, "a list", name);
}

export function abortSignal(key: string, value: unknown, name: string): void {
  if (!(value instanceof AbortSignal)) throw refuse(key, value, "an AbortSignal", name);
}

/** Checks what is given; undefined is "not given". */
export function given<V>(value: V | undefined, check: (value: V) => void): void {
  if (value !== undefined) check(value);
}

export function refuse(key: string, found: unknown, wanted: string, name: string): ShoalError {
  const what = `Cannot set ${key} of "${name}": found ${show(found)}, wanted ${wanted}`;
  return new ShoalError("INVALID_ARGUMENT", what);
}

function show(found: unknown): string {
  if (typeof found === "string") return `"${found}"`;
  if (typeof found === "function") return "a function";
  if (typeof found !== "object" || found === null) return String(found);
  return Array.isArray(found) ? "a list" : "an object";
}
