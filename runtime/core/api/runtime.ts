// The runtime: tasks, actors and objects, the same in the driver and inside of them.
//
// 1. One driver starts it and ends it; code in workers has the same one by `Runtime.current()`.

import { ShoalError, systemClock } from "../../base/index.ts";
import type { Progress } from "../progress/progress-line.ts";
import { renderProgress } from "../progress/progress.ts";
import type { OutputSink } from "../progress/status-line.ts";
import type { QueriedRows, RowKind, RowKinds } from "../state/index.ts";
import type { ActorTarget, Id } from "../workers/messages.ts";
import type { StacksOptions, WorkerStack } from "../stacks/worker-stack.ts";
import { Graph } from "../graph/graph.ts";
import type { InputNode } from "../graph/input-node.ts";
import type { GraphOutput } from "../graph/outputs.ts";
import type { ActorHandle, ActorModule } from "./actor-handles.ts";
import { actorIdOf, actorModule, makeHandle } from "./actor-handles.ts";
import { checkRuntime } from "./check-runtime.ts";
import { amount, count, text } from "./check-values.ts";
import { checkWait, NO_OPTIONS } from "./check-waits.ts";
import type { ActorWatcher, WaitOptions } from "./core.ts";
import { ObjectRef } from "./object-ref.ts";
import {
  type ActorOptions,
  checkGroup,
  checkNode,
  DEFAULT_NAMESPACE,
  type PlacementGroupOptions,
  type TaskOptions,
} from "./options.ts";
import { PlacementGroup } from "./placement-group.ts";
import type { NodeOptions, RuntimeOptions } from "./runtime-options.ts";
import { Session } from "./session.ts";
import {
  type ListOptions,
  listRows,
  type ResourceTotals,
  type Summaries,
  summarize,
  totalsOf,
  writeTimeline,
} from "./state-queries.ts";
import { type TaskModule, taskModule } from "./task-functions.ts";
import { guardedWatcher } from "./users-callbacks.ts";

export type GetOptions = WaitOptions;

/** What `get` gives for a list of references. */
export type Values<R extends readonly ObjectRef<unknown>[]> = {
  -readonly [I in keyof R]: R[I] extends ObjectRef<infer T> ? T : never;
};

/** An actor by what it was named, in the namespace "default" by default. */
export interface NamedActor {
  readonly name: string;
  readonly namespace?: string;
}

let current: Runtime | undefined;

export class Runtime implements AsyncDisposable {
  readonly #session: Session;
  readonly #shutdown: () => Promise<void>;

  private constructor(session: Session, shutdown: () => Promise<void>) {
    this.#session = session;
    this.#shutdown = shutdown;
  }

  /** Starts a runtime on this machine. Throws INVALID_ARGUMENT on options that cannot work. */
  static async start(options: RuntimeOptions = {}): Promise<Runtime> {
    checkRuntime(options);
    // Loaded here only: a worker has no head.
    const { startHead } = await import("../head/start-head.ts");
    const { head, shutdown, environment } = await startHead(options);
    const session = new Session(head, makeHandle, environment);
    head.collect = (generation) => session.collect(generation);
    const runtime = new Runtime(session, shutdown);
    current ??= runtime;
    return runtime;
  }

  /** The runtime of this process: a worker's, or the driver's first. Throws NOT_READY where there is none. */
  static current(): Runtime {
    if (current !== undefined) return current;
    throw new ShoalError("NOT_READY", "Cannot find a runtime: none was started in this process");
  }

  /** For the parts of this folder that are built on it. */
  static sessionOf(runtime: Runtime): Session {
    return runtime.#session;
  }

  /** For a worker's entry: what `Runtime.current()` is from now on. */
  static enter(session: Session): void {
    current = new Runtime(session, async () => {});
  }

  /**
   * The functions that the module at `module` exports, as tasks. The module is loaded in workers only; its types come
   * by `typeof import("./work.ts")`.
   */
  tasks<M>(module: URL, defaults: TaskOptions = {}): TaskModule<M> {
    return taskModule<M>(this.#session, module, defaults);
  }

  /** The classes that the module at `module` exports, as actors. */
  actors<M>(module: URL, defaults: ActorOptions = {}): ActorModule<M> {
    return actorModule<M>(this.#session, module, defaults);
  }

  /**
   * A graph of tasks and calls, to be executed often. `build` gets its input, typed where it is declared, and gives its
   * output: a node, a list of them or an object of them. Throws INVALID_ARGUMENT for nodes that do not belong together.
   */
  graph<Input = void, const Output extends GraphOutput = GraphOutput>(
    build: (input: InputNode<Input>) => Output,
  ): Graph<Input, Output> {
    return new Graph(this.#session, build);
  }

  /** The handle of a named actor, once it can be called. Rejects with NOT_FOUND, or with what its creation threw. */
  async actor<C>(name: string, namespace = DEFAULT_NAMESPACE): Promise<ActorHandle<C>> {
    text("name", name, "an actor");
    const data = await this.#session.core.namedActor(name, namespace);
    // Whoever names an actor says what class it is of.
    return makeHandle(this.#session, data, true) as ActorHandle<C>;
  }

  /**
   * Tells of an actor from now on: its present state first, then each it enters, and each line that it prints. Until the
   * actor is dead, this is disposed of, or this process ends. It keeps no actor: handles do.
   */
  watchActor(handle: object, watcher: ActorWatcher): Disposable {
    const actor = actorIdOf(handle);
    if (actor === undefined) throw noActor("watch", handle, "the handle of an actor");
    return this.#session.core.watchActor(actor, guardedWatcher(watcher));
  }

  /**
   * SIGKILL for the actor; without `noRestart: false` it stays dead. By its name also one that cannot be called yet;
   * NOT_FOUND when there is none.
   */
  async kill(
    actor: object | NamedActor,
    { noRestart = true }: { readonly noRestart?: boolean } = {},
  ): Promise<void> {
    await this.#session.core.killActor(targetOf("kill", actor), noRestart);
  }

  /**
   * Ends an actor in good order: calls it has may finish within `graceMs` (30 s by default), its `stop()` is called,
   * later calls fail with ACTOR_DIED. Resolves when its process is gone; at once in the actor itself. NOT_FOUND when there
   * is none of that name.
   */
  async stop(
    actor: object | NamedActor,
    { graceMs = 30_000 }: { readonly graceMs?: number } = {},
  ): Promise<void> {
    amount("graceMs", graceMs, "stop", true);
    await this.#session.core.stopActor(targetOf("stop", actor), graceMs);
  }

  /**
   * For the code of an actor, as Ray's `exit_actor`: the actor is stopped as by `stop`, the running call is answered
   * first. Rejects with UNSUPPORTED elsewhere.
   */
  async exitActor({ graceMs = 30_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    amount("graceMs", graceMs, "exitActor", true);
    await this.#session.core.stopActor(undefined, graceMs);
  }

  /** Stores a value; the reference is good once this resolves. Rejects with OBJECT_STORE_FULL or INVALID_ARGUMENT. */
  async put<T>(value: T): Promise<ObjectRef<T>> {
    return await this.#session.put(value);
  }

  /**
   * The value behind a reference, or the values behind a list of them. Rejects with what the task threw, with
   * DEADLINE_EXCEEDED after `timeoutMs` or CANCELLED by `signal`; the tasks go on in both.
   */
  get<T>(reference: ObjectRef<T>, options?: GetOptions): Promise<T>;
  get<const R extends readonly ObjectRef<unknown>[]>(references: R, options?: GetOptions): Promise<Values<R>>;
  async get(
    wanted: ObjectRef<unknown> | readonly ObjectRef<unknown>[],
    options: GetOptions = NO_OPTIONS,
  ): Promise<unknown> {
    checkWait(options, "get");
    if (wanted instanceof ObjectRef) return (await this.#session.get([wanted], options))[0];
    checkReferences("get", wanted);
    return await this.#session.get(wanted, options);
  }

  /** Parts `references` into ready and not ready, once `numReturns` (1 by default) are ready or `timeoutMs` have passed. */
  async wait<T>(
    references: readonly ObjectRef<T>[],
    { numReturns = 1, ...options }: GetOptions & { readonly numReturns?: number } = {},
  ): Promise<{ readonly ready: ObjectRef<T>[]; readonly pending: ObjectRef<T>[] }> {
    checkReferences("wait for", references);
    count("numReturns", numReturns, 1, "wait");
    checkWait(options, "wait");
    const found = await this.#session.core.wait(
      references.map((reference) => ObjectRef.idOf(reference)),
      numReturns,
      options,
    );
    const ready: ObjectRef<T>[] = [];
    const pending: ObjectRef<T>[] = [];
    for (const reference of references) {
      const isReady = ready.length < numReturns && found.has(ObjectRef.idOf(reference));
      (isReady ? ready : pending).push(reference);
    }
    return { ready, pending };
  }

  /**
   * Cancels the task behind a reference: a queued one is removed, a running one sees its signal abort, with `force` its
   * worker is killed; its references fail with CANCELLED. Its children too, unless `recursive` is false.
   */
  async cancel(
    reference: ObjectRef<unknown>,
    { force = false, recursive = true }: { readonly force?: boolean; readonly recursive?: boolean } = {},
  ): Promise<void> {
    checkReferences("cancel", [reference]);
    await this.#session.core.cancel(ObjectRef.idOf(reference), { force, recursive });
  }

  /** Rows of one of the state's tables, as `shoal list` shows them. */
  async list<Kind extends RowKind>(
    kind: Kind,
    options: ListOptions = {},
  ): Promise<QueriedRows<RowKinds[Kind]>> {
    return await listRows(this.#session.core, kind, options);
  }

  /** Counts of tasks, actors or objects by what they are and how they are. */
  async summary<Kind extends keyof Summaries>(kind: Kind): Promise<Summaries[Kind]> {
    return await summarize(this.#session.core, kind);
  }

  /**
   * Where every worker stands: the tasks it has, what they wait for, and the stack of one that is blocked in JavaScript, which its
   * inspector tells: opened for that moment on loopback.
   */
  async stacks(options: StacksOptions = {}): Promise<WorkerStack[]> {
    return await this.#session.core.stacks(options);
  }

  /** Writes the timeline of the tasks to a file, as a Chrome trace. */
  async timeline(path: string): Promise<void> {
    await writeTimeline(this.#session.core, path);
  }

  /**
   * Shows on `stream` (standard error by default) how many of the references are settled, until all are: a line drawn in
   * place on a terminal, else a line at the start and at the end. Resolves with the counts; failures are counted, not thrown.
   */
  async progress(
    references: readonly ObjectRef<unknown>[],
    { stream = process.stderr, label }: { readonly stream?: OutputSink; readonly label?: string } = {},
  ): Promise<Progress> {
    checkReferences("show", references);
    const settled = settledOf(references, (object) => this.#session.core.hasFailed(object));
    const options = { stream, clock: systemClock };
    return await renderProgress(
      references.length,
      settled,
      label === undefined ? options : { ...options, label },
    );
  }

  /** Reserves resources together; wait with `ready()`. Throws INVALID_ARGUMENT, also for a name that is taken. */
  async createPlacementGroup(options: PlacementGroupOptions): Promise<PlacementGroup> {
    return await PlacementGroup.create(this.#session.core, checkGroup(options));
  }

  /** A named group, as Ray's `get_placement_group`. Rejects with NOT_FOUND. */
  async getPlacementGroup(name: string, namespace = DEFAULT_NAMESPACE): Promise<PlacementGroup> {
    return await PlacementGroup.named(this.#session.core, name, namespace);
  }

  /**
   * Adds a virtual node of this machine, `id` for lists and affinity. Throws INVALID_ARGUMENT when the name is taken.
   * Its processes run here: it is for trying placement, and for accounts kept apart.
   */
  async addNode(id: string, node: NodeOptions): Promise<void> {
    await this.#session.core.addNode(checkNode(id, node));
  }

  /**
   * Takes a node away: what runs there is killed as if the node had failed, and retried or restarted elsewhere. Rejects
   * with NOT_FOUND.
   */
  async removeNode(id: string): Promise<void> {
    await this.#session.core.removeNode(id);
  }

  /**
   * Nothing new is placed on the node from now on; what runs there stays, and is its owner's to move. Until `undrainNode`, or
   * the runtime ends. Rejects with NOT_FOUND.
   */
  async drainNode(id: string): Promise<void> {
    await this.#session.core.drainNode(id, true);
  }

  /** The node is used again. Rejects with NOT_FOUND. */
  async undrainNode(id: string): Promise<void> {
    await this.#session.core.drainNode(id, false);
  }

  /** What all nodes have together, and what of it is free; memory in bytes. */
  async resources(): Promise<ResourceTotals> {
    return totalsOf(await this.#session.core.rows("nodes"));
  }

  /** Ends every task, actor and worker of the runtime; the same promise every time. In a worker it does nothing. */
  async shutdown(): Promise<void> {
    if (current === this) current = undefined;
    await this.#shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** Tells of each reference as it is settled. */
async function* settledOf(
  references: readonly ObjectRef<unknown>[],
  hasFailed: (object: Id) => Promise<boolean>,
): AsyncGenerator<{ readonly failed: boolean }> {
  const settled: boolean[] = [];
  let wake = (): void => {};
  for (const reference of references) {
    void hasFailed(ObjectRef.idOf(reference)).then(
      (failed) => {
        settled.push(failed);
        wake();
      },
      () => {
        settled.push(true);
        wake();
      },
    );
  }
  for (let told = 0; told < references.length; ) {
    const failed = settled[told];
    if (failed === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    } else {
      told++;
      yield { failed };
    }
  }
}

function targetOf(verb: string, actor: unknown): ActorTarget {
  const id = actorIdOf(actor);
  if (id !== undefined) return id;
  if (typeof actor === "object" && actor !== null && "name" in actor && typeof actor.name === "string") {
    const { name } = actor;
    const namespace = "namespace" in actor ? actor.namespace : undefined;
    return { name, namespace: typeof namespace === "string" ? namespace : DEFAULT_NAMESPACE };
  }
  throw noActor(verb, actor, "the handle of an actor or its name");
}

function noActor(verb: string, found: unknown, wanted: string): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot ${verb}: found ${typeof found}, wanted ${wanted}`);
}

function checkReferences(verb: string, references: unknown): void {
  if (!Array.isArray(references)) {
    const what = `Cannot ${verb} references: found ${typeof references}, wanted an ObjectRef or a list of them`;
    throw new ShoalError("INVALID_ARGUMENT", what);
  }
  const at = references.findIndex((reference) => !(reference instanceof ObjectRef));
  if (at < 0) return;
  throw new ShoalError("INVALID_ARGUMENT", `Cannot ${verb} element ${at}: found no ObjectRef, wanted one`);
}
