// `bind`: a task or call as a node of a graph, with nodes among its arguments.

import type { ObjectRef, Streamed } from "../api/object-ref.ts";
import type { Session } from "../api/session.ts";
import { type GraphNode, makeNode, nextSequence, type Prepared, type Step, type StreamNode } from "./node.ts";

/** What stands for a `T` among the arguments of a node. */
export type BoundArgument<T> = T | ObjectRef<Awaited<T>> | GraphNode<Awaited<T>> | Inside<T>;

/** Inside of lists and plain objects a node stands for a reference, as a reference itself does; the input for its value. */
type Inside<T> = T extends ObjectRef<infer V>
  ? GraphNode<V>
  : T extends readonly unknown[] | PlainObject
    ? { readonly [K in keyof T]: T[K] | GraphNode<T[K]> | Inside<T[K]> }
    : never;

type PlainObject = { readonly [name: string]: unknown };

export type BoundArguments<A extends readonly unknown[]> = { [I in keyof A]: BoundArgument<A[I]> };

/** The node of a task or call with one return. */
export type ResultNode<R> = R extends Streamed<infer Item> ? StreamNode<Item> : GraphNode<R>;
/** The nodes of one with several returns. */
export type ResultNodes<R> = R extends readonly unknown[] ? { [I in keyof R]: GraphNode<R[I]> } : never;

export interface Binding {
  readonly prepared: Prepared;
  readonly args: readonly unknown[];
  readonly actor: Step["actor"];
}

/** The node of what a step returns: one, or a list for `numReturns` other than 1. */
export function bindStep(session: Session, binding: Binding): GraphNode<unknown> | GraphNode<unknown>[] {
  const { prepared, args, actor } = binding;
  const step: Step = { kind: "step", session, sequence: nextSequence(), prepared, args: [...args], actor };
  const nodes: GraphNode<unknown>[] = [];
  for (let index = 0; index < prepared.numReturns; index++) {
    nodes.push(makeNode({ kind: "value", step, index }));
  }
  const [first] = nodes;
  return prepared.numReturns === 1 && first !== undefined ? first : nodes;
}
