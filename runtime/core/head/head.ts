// The head: the part of a runtime in the driver's process. It knows every object, task, actor and worker, and is the
// driver's own way to them.
//
// 1. What a process holds and waits for ends with the process.
// 2. `shutdown` ends every process it started, and resolves when they are gone and the shared memory is free.

import { ShoalError } from "../../base/index.ts";
import type {
  ActorWatcher,
  CancelOptions,
  Core,
  Outcome,
  Parts,
  StreamSink,
  TaskSpec,
  WaitOptions,
} from "../api/core.ts";
import { IdSource, showId } from "../api/ids.ts";
import type { Generation, ObjectStore } from "../objects/index.ts";
import type { Scheduler } from "../scheduling/index.ts";
import { type QueriedRows, queryRows, type RowKind, type RowKinds, type RowQuery } from "../state/index.ts";
import {
  type ActorData,
  type ActorOptionsData,
  type ActorTarget,
  type GroupData,
  type Id,
  INLINE_BYTES,
  type NodeData,
  type WireValue,
} from "../workers/messages.ts";
import type { ActorTable } from "./actor-table.ts";
import type { ActorWatches } from "./actor-watches.ts";
import type { DirectRoutes } from "./direct-routes.ts";
import type { GroupTable } from "./group-table.ts";
import type { ObjectDirectory, ObjectEntry } from "./object-directory.ts";
import type { Readers } from "./readers.ts";
import { collectStacks } from "../stacks/collect-stacks.ts";
import type { StacksOptions, WorkerStack } from "../stacks/worker-stack.ts";
import type { StateTables } from "./state-tables.ts";
import type { Item, Submitter } from "./task-record.ts";
import type { TaskRecorder } from "./task-recorder.ts";
import type { TaskTable } from "./task-table.ts";
import type { Worker } from "./worker.ts";

export interface HeadParts {
  readonly scheduler: Scheduler;
  readonly directory: ObjectDirectory;
  readonly store: ObjectStore;
  readonly readers: Readers;
  readonly tasks: TaskTable;
  readonly actors: ActorTable;
  readonly watches: ActorWatches;
  readonly groups: GroupTable;
  readonly routes: DirectRoutes;
  readonly recorder: TaskRecorder;
  readonly tables: StateTables;
  readonly workers: ReadonlySet<Worker>;
}

/** The driver's side of the head. */
export class Head implements Core, Submitter {
  readonly index = 0;
  readonly ids = new IdSource(0);
  readonly #parts: HeadParts;
  readonly #sinks = new Map<Id, StreamSink>();
  /** Lets the driver's unused references go; set by its session. */
  collect: (generation: Generation) => Promise<void> = async () => {};

  constructor(parts: HeadParts) {
    this.#parts = parts;
  }

  currentTask(): undefined {
    return undefined;
  }

  submit(spec: TaskSpec): void {
    this.#parts.tasks.submit(spec, this);
  }

  listen(task: Id, sink: StreamSink): void {
    this.#sinks.set(task, sink);
    this.#parts.tasks.listen(task, this);
  }

  consumed(task: Id, count: number): void {
    const record = this.#parts.tasks.find(task);
    if (record !== undefined) this.#parts.tasks.consumed(record, count);
  }

  abandon(task: Id): void {
    this.#sinks.delete(task);
    this.#parts.tasks.abandon(task);
  }

  async createActor(spec: TaskSpec, options: ActorOptionsData, watcher?: ActorWatcher): Promise<ActorData> {
    const { actors, watches } = this.#parts;
    const watch = watcher === undefined ? undefined : watches.add(spec.task, watcher);
    try {
      return await actors.create(spec, options);
    } catch (error) {
      watch?.[Symbol.dispose]();
      throw error;
    }
  }

  watchActor(actor: Id, watcher: ActorWatcher): Disposable {
    const over = new DisposableStack();
    queueMicrotask(() => {
      if (!over.disposed) over.use(this.#parts.actors.watch(actor, watcher));
    });
    return over;
  }

  async namedActor(name: string, namespace: string): Promise<ActorData> {
    return await this.#parts.actors.named(name, namespace);
  }

  async killActor(actor: ActorTarget, noRestart: boolean): Promise<void> {
    const { actors } = this.#parts;
    actors.kill(actors.idOf(actor), noRestart);
  }

  async stopActor(actor: ActorTarget | undefined, graceMs: number): Promise<void> {
    if (actor === undefined) throw new ShoalError("UNSUPPORTED", "Cannot exit: this is the driver, no actor");
    const { actors } = this.#parts;
    await actors.stop(actors.idOf(actor), graceMs);
  }

  async addNode(node: NodeData): Promise<void> {
    this.#parts.scheduler.addNode(node);
  }

  async removeNode(id: string): Promise<void> {
    this.#parts.scheduler.removeNode(id);
  }

  async drainNode(id: string, draining: boolean): Promise<void> {
    this.#parts.scheduler.drainNode(id, draining);
  }

  async createGroup(group: Id, data: GroupData): Promise<void> {
    this.#parts.groups.create(group, data);
  }

  async namedGroup(name: string, namespace: string): Promise<Id> {
    return this.#parts.groups.named(name, namespace);
  }

  async groupReady(group: Id, options: WaitOptions): Promise<void> {
    await this.#parts.groups.ready(group, options);
  }

  async removeGroup(group: Id): Promise<void> {
    this.#parts.groups.remove(group);
  }

  async put(object: Id, parts: Parts, contains: readonly Id[]): Promise<void> {
    const { directory, store } = this.#parts;
    directory.create(object, "put by the driver");
    const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
    if (byteLength <= INLINE_BYTES) {
      directory.settle(object, { kind: "INLINE", parts }, contains);
      return;
    }
    try {
      const fileBytes = await store.write(object, parts);
      const wanted = directory.settle(object, { kind: "STORED", fileBytes }, contains);
      if (!wanted) store.delete(object); // let go of meanwhile
    } catch (thrown) {
      const error = storeError(object, thrown);
      directory.settle(object, { kind: "FAILED", error });
      throw error;
    }
  }

  putAhead(object: Id, parts: Parts): void {
    this.put(object, parts, []).catch(() => undefined);
  }

  async get(objects: readonly Id[], options: WaitOptions): Promise<Outcome[]> {
    if (!this.#parts.readers.areReady(objects)) await this.#parts.readers.all(objects, options);
    const outcomes: Outcome[] = [];
    for (const id of objects) {
      const outcome = this.read(id);
      outcomes.push(outcome instanceof Promise ? await outcome : outcome);
    }
    return outcomes;
  }

  async wait(objects: readonly Id[], count: number, options: WaitOptions): Promise<ReadonlySet<Id>> {
    return await this.#parts.readers.some(objects, count, options);
  }

  async hasFailed(object: Id): Promise<boolean> {
    await this.#parts.readers.all([object], {});
    return this.#parts.directory.find(object)?.state.kind === "FAILED";
  }

  async rows<Kind extends RowKind>(kind: Kind): Promise<Iterable<RowKinds[Kind]>> {
    return this.#parts.tables.rows(kind);
  }

  async query<Kind extends RowKind>(kind: Kind, query: RowQuery): Promise<QueriedRows<RowKinds[Kind]>> {
    return queryRows(kind, this.#parts.tables.rows(kind), query);
  }

  async stacks(options: StacksOptions): Promise<WorkerStack[]> {
    const { workers, recorder } = this.#parts;
    return await collectStacks({ workers, directCalls: (actor) => recorder.directCalls(actor) }, options);
  }

  async cancel(object: Id, options: CancelOptions): Promise<void> {
    if (!this.#parts.routes.cancel(object, options)) this.#parts.tasks.cancelObject(object, options);
  }

  /** Every object of the driver is in the directory. */
  share(): void {}

  hold(objects: readonly Id[]): void {
    for (const id of objects) this.#parts.directory.hold(id);
  }

  release(objects: readonly Id[]): void {
    for (const id of objects) this.#parts.directory.release(id);
  }

  item(task: Id, item: Item): void {
    const sink = this.#sinks.get(task);
    if (sink === undefined) return;
    const opened: Outcome =
      typeof item.value === "number" ? { kind: "value", parts: item.parts } : this.#opened(item.object);
    if (opened.kind === "value") sink.onItem(opened.parts);
    else this.#breakOff(task, opened.error);
  }

  /** The driver reads no further: an item could not be read. */
  #breakOff(task: Id, error: ShoalError): void {
    this.end(task, error);
    this.abandon(task);
  }

  end(task: Id, error: ShoalError | undefined): void {
    const sink = this.#sinks.get(task);
    if (sink === undefined) return;
    this.#sinks.delete(task);
    sink.onEnd(error);
  }

  /** The value of a settled object. */
  read(id: Id): Outcome | Promise<Outcome> {
    const entry = this.#parts.directory.find(id);
    if (entry === undefined) {
      const error = new ShoalError(
        "OBJECT_LOST",
        `Cannot find object ${showId(id)}: its last holder is gone`,
      );
      return { kind: "error", error };
    }
    switch (entry.state.kind) {
      case "INLINE":
        return { kind: "value", parts: entry.state.parts };
      case "FAILED":
        return { kind: "error", error: entry.state.error };
      case "STORED":
        return this.#parts.store.isAtHand(id) ? this.#opened(id) : this.#open(entry);
      case "PENDING":
        return this.#later(id);
    }
  }

  /** Whether the objects can be sent to a worker without waiting for anything. */
  areAtHand(objects: readonly Id[]): boolean {
    return objects.every((id) => {
      const kind = this.#parts.directory.find(id)?.state.kind;
      return kind !== "PENDING" && kind !== "STORED";
    });
  }

  /**
   * An object as it is sent to a worker, its parts added to `parts`; an error is returned. PENDING: it was lost and is
   * being made again.
   */
  wireValue(id: Id, parts: Uint8Array[]): Wired | Promise<Wired> {
    const state = this.#parts.directory.find(id)?.state;
    if (state?.kind === "INLINE") {
      for (const part of state.parts) parts.push(part);
      return state.parts.length;
    }
    if (state?.kind === "STORED") {
      const { fileBytes } = state;
      return this.#parts.store.isAtHand(id) ? { fileBytes } : this.#wireFile(id, fileBytes);
    }
    if (state?.kind === "PENDING") return "PENDING";
    return state?.kind === "FAILED" ? state.error : unknownObject(id);
  }

  /** The same, once it is there. */
  async wireSettled(id: Id, parts: Uint8Array[]): Promise<WireValue | ShoalError> {
    for (;;) {
      const wired = await this.wireValue(id, parts);
      if (wired !== "PENDING") return wired;
      await this.#parts.readers.all([id], {});
    }
  }

  async #wireFile(id: Id, fileBytes: number): Promise<Wired> {
    try {
      await this.#parts.store.restore(id);
      return { fileBytes };
    } catch (thrown) {
      return this.#parts.tasks.rebuild(id) ? "PENDING" : storeError(id, thrown);
    }
  }

  #opened(id: Id): Outcome {
    try {
      return { kind: "value", parts: this.#parts.store.open(id) };
    } catch (thrown) {
      return { kind: "error", error: storeError(id, thrown) };
    }
  }

  async #open({ id }: ObjectEntry): Promise<Outcome> {
    try {
      await this.#parts.store.restore(id);
      return { kind: "value", parts: this.#parts.store.open(id) };
    } catch (thrown) {
      if (this.#parts.tasks.rebuild(id)) return await this.#later(id);
      return { kind: "error", error: storeError(id, thrown) };
    }
  }

  async #later(id: Id): Promise<Outcome> {
    await this.#parts.readers.all([id], {});
    return await this.read(id);
  }
}

/** What becomes of an object on its way to a worker. */
export type Wired = WireValue | ShoalError | "PENDING";

function unknownObject(id: Id): ShoalError {
  return new ShoalError("OBJECT_LOST", `Cannot find object ${showId(id)}: its last holder is gone`);
}

function storeError(id: Id, thrown: unknown): ShoalError {
  if (thrown instanceof ShoalError) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new ShoalError("OBJECT_LOST", `Cannot read object ${showId(id)}: ${why}`, { cause: thrown });
}
