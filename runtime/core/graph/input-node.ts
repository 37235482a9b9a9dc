// What a graph is executed with, as its nodes take it: the whole, or a member by `input.user.name`.

import { ShoalError } from "../../base/index.ts";
import { type InputValueNode, makeNode, standsFor } from "./node.ts";

/** Members only of objects and arrays that are data. */
type Members<T> = [T] extends [readonly unknown[]]
  ? { readonly [K in keyof T & (number | `${number}`)]: InputNode<T[K]> }
  : [T] extends [object]
    ? { readonly [K in keyof T & string]: InputNode<T[K]> }
    : unknown;

export type InputNode<T> = InputValueNode<T> & Members<T>;

/** The input of a graph; `graph` is what tells it from those of others. Its members are nodes too. */
export function inputNode<T>(graph: object): InputNode<T>;
export function inputNode(graph: object, path?: readonly string[]): object;
export function inputNode(graph: object, path: readonly string[] = []): object {
  const source = { kind: "input", graph, path } as const;
  const members = new Map<string, object>();
  const node = new Proxy(makeNode(source), {
    get(target, name): unknown {
      if (typeof name === "symbol") return Reflect.get(target, name);
      let member = members.get(name);
      if (member === undefined) members.set(name, (member = inputNode(graph, [...path, name])));
      return member;
    },
  });
  standsFor(node, source);
  return node;
}

/** As it is written in a program, for messages. */
export function showPath(path: readonly string[]): string {
  return ["input", ...path].join(".");
}

/** Throws INVALID_ARGUMENT where there is nothing that could have the member. */
export function memberOf(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const [depth, name] of path.entries()) {
    if (value === null || value === undefined) {
      const what = `Cannot read ${showPath(path.slice(0, depth + 1))}: ${showPath(path.slice(0, depth))} is ${value}`;
      throw new ShoalError("INVALID_ARGUMENT", what);
    }
    value = Reflect.get(Object(value), name);
  }
  return value;
}
