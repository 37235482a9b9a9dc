// What a graph is made of: values that will be there once it is executed, and where they come from.
//
// 1. What a node is made of exists before it: no graph has a cycle, and the order of making is one of execution.
// 2. A node is no value: whatever would send it or compute with it throws.

import { ShoalError } from "../../base/index.ts";
import type { Prepared, Session } from "../api/session.ts";
import type { ActorOptionsData } from "../workers/messages.ts";

declare const VALUE: unique symbol;
declare const ITEM: unique symbol;
declare const INPUT: unique symbol;

/** A value of a graph, which other nodes take as an argument; made by `bind`. */
export class GraphNode<T> {
  /** For the compiler only. */
  declare readonly [VALUE]: T;

  constructor() {
    Object.defineProperty(this, REFUSAL, { get: () => refuseAsValue("be sent"), enumerable: true });
  }

  [Symbol.toPrimitive](): never {
    return refuseAsValue("be read");
  }
}

/** Stands for a generator: its value, for other nodes, is that it has ended. */
export interface StreamNode<Item> extends GraphNode<undefined> {
  readonly [ITEM]: Item;
}

/** The input of a graph, or a member of it. */
export interface InputValueNode<T> extends GraphNode<T> {
  readonly [INPUT]: true;
}

/** Of invariant 2: the one property that a serializer finds. */
const REFUSAL = "a node of a graph, which only bind() takes";

function refuseAsValue(what: string): never {
  const why = "it has a value only when the graph is executed; give it to another node by bind()";
  throw new ShoalError("INVALID_ARGUMENT", `A node of a graph cannot ${what}: ${why}`);
}

/** A task, or a call of an actor's method. */
export interface Step {
  readonly kind: "step";
  readonly session: Session;
  readonly sequence: number;
  readonly prepared: Prepared;
  readonly args: readonly unknown[];
  /** The actor that the graph makes for it, or the handle, which keeps its actor alive. */
  readonly actor: ActorStep | object | undefined;
}

/** An actor that each execution makes for itself. */
export interface ActorStep {
  readonly kind: "actor";
  readonly session: Session;
  readonly sequence: number;
  readonly prepared: Prepared;
  readonly options: ActorOptionsData;
  readonly args: readonly unknown[];
  /** Bound so far, in that order. */
  readonly calls: Step[];
}

/** One of several returns of a step; the one, where there is one. */
export interface StepValue {
  readonly kind: "value";
  readonly step: Step;
  readonly index: number;
}

/** What a graph is executed with, or a member of it. */
export interface InputValue {
  readonly kind: "input";
  /** Tells inputs of different graphs apart. */
  readonly graph: object;
  readonly path: readonly string[];
}

export type Source = StepValue | InputValue;

const sources = new WeakMap<object, Source>();
let lastSequence = 0;

/** Invariant 1. */
export function nextSequence(): number {
  return ++lastSequence;
}

export function makeNode(source: Source): GraphNode<unknown> {
  const node = new GraphNode<unknown>();
  sources.set(node, source);
  return node;
}

/** `node` stands for `source` too: it is the proxy of a node. */
export function standsFor(node: object, source: Source): void {
  sources.set(node, source);
}

/** Where the value of a node comes from; undefined for what is no node. */
export function sourceOf(value: unknown): Source | undefined {
  return typeof value === "object" && value !== null ? sources.get(value) : undefined;
}

export function isActorStep(actor: Step["actor"]): actor is ActorStep {
  return actor !== undefined && actorSteps.has(actor);
}

/** Known by identity: a handle may have methods of any name. */
const actorSteps = new WeakSet<object>();

export function makeActorStep(step: Omit<ActorStep, "kind" | "sequence" | "calls">): ActorStep {
  const made: ActorStep = { ...step, kind: "actor", sequence: nextSequence(), calls: [] };
  actorSteps.add(made);
  return made;
}
