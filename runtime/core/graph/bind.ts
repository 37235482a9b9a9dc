// `bind`: a task or call as a node of a graph, with nodes among its arguments.

import type { ObjectRef, Streamed } from "../api/object-ref.ts";
import type { Prepared, Session } from "../api/session.ts";
import {
  type GraphNode,
  type InputValueNode,
  isActorStep,
  makeNode,
  nextSequence,
  type Step,
  type StreamNode,
} from "./node.ts";

/** What stands for a `T` among the arguments of a node. */
export type BoundArgument<T> = T | ObjectRef<Awaited<T>> | GraphNode<Awaited<T>> | Inside<T>;

/** Inside of lists and plain objects a node stands for a reference, as a reference itself does; the input for its value. */
type Inside<T> =
  T extends ObjectRef<infer V>
    ? GraphNode<V>
    : T extends NoContainer
      ? never
      : { readonly [K in keyof T]: T[K] | InputValueNode<T[K]> | Inside<T[K]> };

type NoContainer =
  | (string | number | bigint | boolean | symbol | null | undefined)
  | (ArrayBufferView | ArrayBuffer | Date | RegExp | Error)
  | (ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | GraphNode<unknown>)
  | ((...args: never[]) => unknown);

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
  if (isActorStep(actor)) actor.calls.push(step);
  const nodes: GraphNode<unknown>[] = [];
  for (let index = 0; index < prepared.numReturns; index++) {
    nodes.push(makeNode({ kind: "value", step, index }));
  }
  const [first] = nodes;
  return prepared.numReturns === 1 && first !== undefined ? first : nodes;
}
