// What a graph gives: one node, a list of them or an object of them, and the same shape with references.

import { ShoalError } from "../../base/index.ts";
import type { ObjectRef, StreamRef } from "../api/object-ref.ts";
import { type GraphNode, sourceOf, type StepValue, type StreamNode } from "./node.ts";

export type GraphOutput =
  | GraphNode<unknown>
  | readonly GraphNode<unknown>[]
  | { readonly [name: string]: GraphNode<unknown> };

type RefOf<N> =
  N extends StreamNode<infer Item> ? StreamRef<Item> : N extends GraphNode<infer T> ? ObjectRef<T> : never;
type ValueOf<N> = N extends GraphNode<infer T> ? T : never;

/** References in the shape of the output. */
export type OutputRefs<O> =
  O extends GraphNode<unknown> ? RefOf<O> : { -readonly [K in keyof O]: RefOf<O[K]> };
/** Values in the shape of the output. */
export type OutputValues<O> =
  O extends GraphNode<unknown> ? ValueOf<O> : { -readonly [K in keyof O]: ValueOf<O[K]> };

/** The nodes of an output in an order, and how to put something in their places. */
export interface OutputShape {
  readonly nodes: readonly StepValue[];
  readonly fill: (values: readonly unknown[]) => unknown;
}

/** The shape with `values` in it, whose types its reader knows: they are those of the graph's output. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only its caller knows the type
export function fillOutput<Filled>(shape: OutputShape, values: readonly unknown[]): Filled;
export function fillOutput({ fill }: OutputShape, values: readonly unknown[]): unknown {
  return fill(values);
}

/** Throws INVALID_ARGUMENT for what is no output. */
export function shapeOf(output: unknown): OutputShape {
  if (sourceOf(output) !== undefined) return { nodes: [check(output, "")], fill: ([value]) => value };
  if (Array.isArray(output)) {
    return {
      nodes: output.map((node, index) => check(node, ` at [${index}]`)),
      fill: (values) => [...values],
    };
  }
  if (typeof output !== "object" || output === null) throw refuse(`a ${typeof output}`, "");
  // A function that is async gives a promise, which has no nodes in it.
  if (output instanceof Promise) throw refuse("a promise", "");
  const names = Object.keys(output);
  return {
    nodes: names.map((name) => check(Reflect.get(output, name), ` at .${name}`)),
    fill: (values) => Object.fromEntries(names.map((name, index) => [name, values[index]])),
  };
}

function check(node: unknown, where: string): StepValue {
  const source = sourceOf(node);
  if (source?.kind === "value") return source;
  throw refuse(source === undefined ? `a ${typeof node}` : "the input", where);
}

function refuse(found: string, where: string): ShoalError {
  const what = `Cannot make a graph with this output: found ${found}${where}, wanted what bind() gave`;
  return new ShoalError("INVALID_ARGUMENT", what);
}
