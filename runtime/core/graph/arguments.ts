// The nodes among the arguments of a node: found when a graph is made, replaced when it is executed.
//
// 1. Looked for at the top, and inside of arrays and plain objects, to any depth; anything else is data.

import { sourceOf, type Source } from "./node.ts";

/** The nodes in a list of arguments; `top` for those that are an argument themselves. */
export function* sourcesIn(
  args: readonly unknown[],
): Generator<{ readonly source: Source; readonly top: boolean }> {
  for (const argument of args) {
    const source = sourceOf(argument);
    if (source !== undefined) yield { source, top: true };
    else for (const inner of inside(argument, new Set())) yield { source: inner, top: false };
  }
}

/** The arguments with `valueOf` in the place of each node. */
export function replaceNodes(args: readonly unknown[], valueOf: (source: Source) => unknown): unknown[] {
  const replace = (value: unknown): unknown => {
    const source = sourceOf(value);
    if (source !== undefined) return valueOf(source);
    if (inside(value, new Set()).next().done) return value;
    if (Array.isArray(value)) return value.map(replace);
    return Object.fromEntries(Object.entries(value ?? {}).map(([name, member]) => [name, replace(member)]));
  };
  return args.map(replace);
}

/** Invariant 1. */
function* inside(value: unknown, seen: Set<object>): Generator<Source> {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  const members = Array.isArray(value) ? value : isPlain(value) ? Object.values(value) : [];
  for (const member of members) {
    const source = sourceOf(member);
    if (source === undefined) yield* inside(member, seen);
    else yield source;
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
