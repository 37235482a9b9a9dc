// Classes of a module as actors, and the handles to them.
//
// 1. A handle knows its methods from the actor itself: the class is never loaded on this side.
// 2. A handle crosses to other processes as data inside values and is whole again there.

import { markHandle, noteModule } from "../objects/index.ts";
import type { ActorData, FunctionName, Id } from "../workers/messages.ts";
import type { ActorClass, ArgsOf, InstanceOf } from "./actor-class.ts";
import { type BoundArguments, bindStep, type ResultNode, type ResultNodes } from "../graph/bind.ts";
import { type ActorStep, makeActorStep, type Step } from "../graph/node.ts";
import { ShoalError } from "../../base/index.ts";
import { type ActorOptions, checkActor, checkMethod, type MethodOptions } from "./options.ts";
import { moduleUrl } from "./module-url.ts";
import type { ObjectRef, RefArguments } from "./object-ref.ts";
import type { Session } from "./session.ts";
import type { TaskResult, TaskResults } from "./task-functions.ts";
import { guardedWatcher } from "./users-callbacks.ts";

export interface ActorMethod<A extends readonly unknown[], R, Several extends boolean = false> {
  /** Calls the method; calls of one process begin in their order. */
  (...args: RefArguments<A>): Several extends true ? TaskResults<R> : TaskResult<R>;
  /** The call as a node of a graph: nodes may stand among its arguments. */
  bind(...args: BoundArguments<A>): Several extends true ? ResultNodes<R> : ResultNode<R>;
  options<const O extends MethodOptions>(
    options: O,
  ): ActorMethod<A, R, O extends { readonly numReturns: number } ? true : Several>;
}

/** A method of an actor that a graph makes: it can be bound, not called. */
export interface BoundMethod<A extends readonly unknown[], R, Several extends boolean = false> {
  bind(...args: BoundArguments<A>): Several extends true ? ResultNodes<R> : ResultNode<R>;
  options<const O extends MethodOptions>(
    options: O,
  ): BoundMethod<A, R, O extends { readonly numReturns: number } ? true : Several>;
}

/** An actor of a graph: each execution makes one of its own, which is stopped when its calls are over. */
export type BoundActor<C> = {
  readonly [K in keyof InstanceOf<C> as InstanceOf<C>[K] extends (...args: never[]) => unknown
    ? K
    : never]: InstanceOf<C>[K] extends (...args: infer A extends unknown[]) => infer R
    ? BoundMethod<A, Awaited<R>>
    : never;
};

/** A remote instance: its methods, each as a call that gives a reference. */
export type ActorHandle<C> = {
  readonly [K in keyof InstanceOf<C> as InstanceOf<C>[K] extends (...args: never[]) => unknown
    ? K
    : never]: InstanceOf<C>[K] extends (...args: infer A extends unknown[]) => infer R
    ? ActorMethod<A, Awaited<R>>
    : never;
};

export interface ActorFactory<C extends ActorClass> {
  /** Creates the actor and resolves once it can be called. Rejects with what its creation threw. */
  create(...args: RefArguments<ArgsOf<C>>): Promise<ActorHandle<C>>;
  /** An actor that each execution of a graph makes. Throws INVALID_ARGUMENT with `name`, `signal`, `onStatus` or `onLine`. */
  bind(...args: BoundArguments<ArgsOf<C>>): BoundActor<C>;
  /** Throws INVALID_ARGUMENT. */
  options(options: ActorOptions): ActorFactory<C>;
}

export type ActorModule<M> = {
  readonly [K in keyof M as M[K] extends ActorClass ? K : never]: M[K] extends ActorClass
    ? ActorFactory<M[K]>
    : never;
};

export function actorModule<M>(session: Session, module: URL, defaults: ActorOptions): ActorModule<M> {
  const href = moduleUrl("actors", module);
  noteModule(href);
  return new Proxy(Object.create(null), {
    get(_, exportName): unknown {
      if (typeof exportName !== "string" || exportName === "then") return undefined;
      return actorFactory(session, { module: href, exportName }, defaults);
    },
  });
}

function actorFactory(
  session: Session,
  name: { readonly module: string; readonly exportName: string },
  options: ActorOptions,
): unknown {
  const label = options.name ?? name.exportName;
  const { placement: checked, data, maxConcurrency, groups, methodGroups } = checkActor(options, label);
  const placement = session.place(checked);
  const work = {
    kind: "create",
    actor: 0,
    incarnation: 1,
    maxConcurrency,
    groups,
    methodGroups,
    ...name,
  } as const;
  return {
    options: (more: ActorOptions) => actorFactory(session, name, { ...options, ...more }),
    create: async (...args: unknown[]) => {
      options.signal?.throwIfAborted();
      const creation = session.packCreation({ ...CREATION, label, work, args, placement });
      using _abort = killOnAbort(session, creation.task, options.signal);
      const watched = options.onStatus !== undefined || options.onLine !== undefined;
      const watcher = watched ? guardedWatcher(options) : undefined;
      const actor = await session.createActor(creation, data, watcher);
      return makeHandle(session, { ...actor, creation: name }, true);
    },
    bind: (...args: unknown[]) => {
      const own = OF_ONE_ACTOR.find((option) => options[option] !== undefined);
      if (own !== undefined) {
        const what = `Cannot bind actor "${label}": found the option ${own}, wanted none that is for one actor only`;
        throw new ShoalError("INVALID_ARGUMENT", what);
      }
      const prepared = { ...CREATION, label, work, placement };
      return boundActor(makeActorStep({ session, prepared, options: data, args }));
    },
  };
}

/** Not for an actor that each execution of a graph makes anew. */
const OF_ONE_ACTOR = ["name", "signal", "onStatus", "onLine"] as const;

/** Any method: which there are is known in the actor only. */
function boundActor(step: ActorStep): object {
  const { session, prepared, options } = step;
  const data = { actor: 0, label: prepared.label, methods: [], maxTaskRetries: options.maxTaskRetries };
  return new Proxy(Object.create(null), {
    get(_, method): unknown {
      if (typeof method !== "string" || method === "then") return undefined;
      return boundMethod(session, { data, method, of: step }, {});
    },
  });
}

const ACTOR = Symbol("actor");
const CREATED_AS = Symbol("created as");

interface HandleData extends ActorData {
  /** The class, where the handle comes from its creation. */
  readonly creation?: FunctionName;
}

/** The handle of an actor (invariant 1); `held` when the head knows this process as a holder of it already. */
export function makeHandle(session: Session, data: HandleData, held = false): object {
  const { actor, creation } = data;
  const handle: Record<string | symbol, unknown> = Object.create({ [ACTOR]: actor, [CREATED_AS]: creation });
  for (const method of data.methods) {
    Object.defineProperty(handle, method, { value: actorMethod(session, { data, method, of: handle }, {}) });
  }
  markHandle(handle, data); // invariant 2
  session.track(handle, data.actor, held);
  return handle;
}

/** While a creation goes on. */
function killOnAbort(session: Session, actor: Id, signal: AbortSignal | undefined): Disposable {
  const kill = (): void => void session.core.killActor(actor, true);
  signal?.addEventListener("abort", kill, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", kill) };
}

/** The id behind a handle; undefined for what is none. */
export function actorIdOf(handle: unknown): Id | undefined {
  const id: unknown = Reflect.get(Object(handle), ACTOR);
  return typeof id === "number" ? id : undefined;
}

/** The class of the actor behind a handle; undefined when the handle was found by the actor's name. */
export function creationOf(handle: object): FunctionName | undefined {
  const name: unknown = Reflect.get(handle, CREATED_AS);
  return isFunctionName(name) ? name : undefined;
}

function isFunctionName(name: unknown): name is FunctionName {
  return typeof name === "object" && name !== null && "module" in name && "exportName" in name;
}

interface Method {
  readonly data: ActorData;
  readonly method: string;
  /** The handle, so that a method, or a graph with it, keeps the actor. */
  readonly of: NonNullable<Step["actor"]>;
}

function actorMethod(session: Session, method: Method, options: MethodOptions): unknown {
  const prepared = prepareCall(method, options);
  const call = (...args: unknown[]): ObjectRef<unknown> | ObjectRef<unknown>[] =>
    session.submit(prepared, args);
  return Object.assign(call, {
    bind: (...args: unknown[]) => bindStep(session, { prepared, args, actor: method.of }),
    options: (more: MethodOptions) => actorMethod(session, method, { ...options, ...more }),
  });
}

function boundMethod(session: Session, method: Method, options: MethodOptions): unknown {
  const prepared = prepareCall(method, options);
  return {
    bind: (...args: unknown[]) => bindStep(session, { prepared, args, actor: method.of }),
    options: (more: MethodOptions) => boundMethod(session, method, { ...options, ...more }),
  };
}

function prepareCall({ data, method }: Method, options: MethodOptions): Step["prepared"] {
  const label = options.name ?? `${data.label}.${method}`;
  return {
    ...checkMethod(options, { name: label, maxTaskRetries: data.maxTaskRetries }),
    actor: data.actor,
    label,
    placement: NO_PLACEMENT,
    maxCalls: 0,
    work: { kind: "call", method, group: options.concurrencyGroup },
  };
}

/** What a creation has not: its retries are the actor's restarts. */
const CREATION = {
  actor: undefined,
  numReturns: 0,
  maxRetries: 0,
  retryOn: "none",
  timeoutMs: undefined,
  window: 1,
  maxCalls: 0,
} as const;

/** A call runs where its actor is. */
const NO_PLACEMENT = { resources: {}, strategy: { kind: "DEFAULT" } } as const;
