// What a worker says, and what becomes of it: the results of its tasks, what it submits, holds and asks.
//
// 1. Messages of one worker are dealt with in their order, so that it holds what it was given before what gave it is
//    released.
// 2. A message about a task that is over frees the worker and changes nothing else.

import { ShoalError } from "../../base/index.ts";
import type { Parts, TaskSpec } from "../api/core.ts";
import type { ObjectStore } from "../objects/index.ts";
import {
  type ActorData,
  type Ask,
  type FromWorker,
  type Id,
  isWaiting,
  type ToWorker,
  type WireOutcome,
  type WireValue,
} from "../workers/messages.ts";
import type { ActorTable } from "./actor-table.ts";
import type { ActorWatches } from "./actor-watches.ts";
import type { DirectRoutes } from "./direct-routes.ts";
import type { Head } from "./head.ts";
import type { ObjectDirectory, ObjectState } from "./object-directory.ts";
import type { Readers } from "./readers.ts";
import type { Item } from "./task-record.ts";
import { isOver } from "./task-record.ts";
import type { TaskTable } from "./task-table.ts";
import type { Worker } from "./worker.ts";
import { WorkerSubmitter } from "./worker-submitter.ts";

export interface RouterOptions {
  readonly head: Head;
  readonly directory: ObjectDirectory;
  readonly store: ObjectStore;
  readonly readers: Readers;
  readonly tasks: TaskTable;
  readonly actors: ActorTable;
  readonly watches: ActorWatches;
  readonly routes: DirectRoutes;
}

type Message<T extends FromWorker["type"]> = Extract<FromWorker, { type: T }>;

export class WorkerRouter {
  readonly #options: RouterOptions;
  readonly #submitters = new Map<Worker, WorkerSubmitter>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  onMessage(worker: Worker, message: FromWorker, parts: Parts): void {
    const { actors, directory, routes } = this.#options;
    switch (message.type) {
      case "ready":
        break;
      case "created": {
        const actor = worker.actor === undefined ? undefined : actors.find(worker.actor);
        if (actor !== undefined) actors.onCreated(actor, message.methods);
        break;
      }
      case "done":
        this.#onDone(worker, message, parts);
        break;
      case "failed":
        this.#onFailed(worker, message);
        break;
      case "item":
        this.#onItem(worker, message, parts);
        break;
      case "end":
        this.#onEnd(worker, message);
        break;
      case "returned":
        for (const task of message.tasks) {
          const record = worker.leave(task, false);
          if (record !== undefined) this.#options.tasks.givenBack(record);
        }
        break;
      case "hold":
        for (const id of message.objects) {
          if (worker.held.has(id)) continue;
          worker.held.add(id);
          directory.hold(id);
        }
        break;
      case "release":
        for (const id of message.objects) if (worker.held.delete(id)) directory.release(id);
        break;
      case "submit":
        this.#onSubmit(worker, message, parts);
        break;
      case "listening":
        routes.onListening(worker, message);
        break;
      case "own":
        routes.own(worker, message, parts);
        break;
      case "settle":
        routes.settle(message, parts);
        break;
      case "calls":
        routes.report(worker, message);
        break;
      case "cancel-children":
        this.#options.tasks.cancelStrays(message.task, message.force);
        break;
      case "listen":
        this.#options.tasks.listen(message.task, this.#submitterOf(worker));
        break;
      case "consumed": {
        const record = this.#options.tasks.find(message.task);
        if (record !== undefined) this.#options.tasks.consumed(record, message.count);
        break;
      }
      case "abandon": {
        const record = this.#options.tasks.find(message.task);
        if (record !== undefined) this.#options.tasks.cancel(record, { force: false, recursive: true });
        break;
      }
      case "watch":
        this.#submitterOf(worker).watch(message.watch, (watcher) => actors.watch(message.actor, watcher));
        break;
      case "unwatch":
        this.#submitterOf(worker).unwatch(message.watch);
        break;
      case "ask":
        this.#onAsk(worker, message, parts);
        break;
    }
  }

  /** Everything of a worker that is gone. */
  onEnd(worker: Worker): void {
    const submitter = this.#submitters.get(worker);
    this.#submitters.delete(worker);
    this.#options.routes.onEnd(worker);
    if (submitter !== undefined) this.#onGone(submitter);
    for (const id of worker.held) this.#options.directory.release(id);
    worker.held.clear();
    if (worker.pid !== undefined) void this.#options.store.removeUnfinished(worker.pid);
  }

  #onGone(submitter: WorkerSubmitter): void {
    const { head, actors, tasks, directory } = this.#options;
    submitter.leave();
    tasks.cancelAllOf(submitter);
    for (const actor of submitter.creating) {
      // One whose environment is not set up yet has no record, and would never be found: it is not made.
      if (actors.find(actor) === undefined) actors.kill(actor, true);
      else directory.release(actor);
    }
    for (const group of submitter.groups) void head.removeGroup(group);
  }

  #onDone(worker: Worker, { task, results }: Message<"done">, parts: Parts): void {
    const record = worker.leave(task);
    let at = 0;
    for (const [index, { value, contains }] of results.entries()) {
      const own = typeof value === "number" ? parts.slice(at, at + value) : [];
      if (typeof value === "number") at += value;
      const object = task + 1 + index;
      const state = this.#stateOf(worker, { object, value, parts: own });
      const wanted = record !== undefined && this.#options.directory.settle(object, state, contains);
      const unknown = this.#options.directory.find(object) === undefined;
      if (!wanted && unknown && state.kind === "STORED") this.#options.store.delete(object);
    }
    if (record !== undefined) this.#options.tasks.finished(record);
  }

  #onFailed(worker: Worker, { task, error: wire, name, typed }: Message<"failed">): void {
    const actor = worker.actor === undefined ? undefined : this.#options.actors.find(worker.actor);
    const where = `worker ${worker.index} (pid ${worker.pid})`;
    const errorOf = (who: string): ShoalError => {
      const message = typed ? wire.message : `${who} on ${where} threw ${name}: ${wire.message}`;
      return ShoalError.fromWire({ ...wire, message });
    };
    if (actor !== undefined && actor.id === task) {
      const error = errorOf(`the creation of actor "${actor.label}"`);
      this.#options.actors.onCreationFailed(actor, error, typed && error.kind.retry === "never");
      return;
    }
    const record = worker.leave(task);
    if (record !== undefined) this.#options.tasks.threw(record, errorOf(`task "${record.spec.label}"`), name);
  }

  #onItem(worker: Worker, { task, object, result }: Message<"item">, parts: Parts): void {
    const { directory, store } = this.#options;
    const record = worker.running.get(task)?.record;
    const { value, contains } = result;
    const again = record !== undefined && ++record.produced <= record.delivered;
    if (record === undefined || isOver(record) || again) {
      if (typeof value !== "number") store.delete(object);
      // The reader has read it before: the producer may go on.
      if (again) worker.send({ type: "credit", task, count: 1 });
      return;
    }
    record.delivered++;
    const kept = typeof value !== "number" || contains.length > 0;
    if (kept) {
      directory.create(object, `item of ${record.spec.label}`, task);
      directory.settle(object, this.#stateOf(worker, { object, value, parts }), contains);
    }
    const item: Item = { object, kept, value, parts };
    record.unread.push(item);
    if (record.listening) record.submitter.item(task, item);
  }

  #onEnd(worker: Worker, { task }: Message<"end">): void {
    const record = worker.leave(task);
    if (record === undefined) return;
    this.#options.directory.settle(task + 1, { kind: "INLINE", parts: [] });
    this.#options.tasks.finished(record);
  }

  #onSubmit(worker: Worker, { spec: wire, direct }: Message<"submit">, parts: Parts): void {
    const spec: TaskSpec = { ...wire, args: parts };
    if (direct !== undefined) {
      const handedOver = direct === "unsent" ? undefined : direct;
      this.#options.routes.submit(this.#submitterOf(worker), spec, handedOver);
      return;
    }
    // Its references are held by the process that made them.
    for (let index = 1; index <= spec.numReturns; index++) worker.held.add(spec.task + index);
    this.#options.tasks.submit(spec, this.#submitterOf(worker));
  }

  #onAsk(worker: Worker, { request, task, ask }: Message<"ask">, parts: Parts): void {
    const submitter = this.#submitterOf(worker);
    if (ask.kind === "withdraw") {
      submitter.withdraw(ask.request);
      return;
    }
    if (ask.kind === "get" && this.#options.head.areAtHand(ask.objects)) {
      void this.#collect(ask.objects).then(({ outcomes, parts: own }) =>
        worker.send({ type: "answer", request, outcomes }, own),
      );
      return;
    }
    const waits = task !== undefined && isWaiting(ask);
    if (waits) this.#options.tasks.beginWait(task);
    const back = (answer: ToWorker, answerParts?: Parts): void => {
      submitter.forget(request);
      if (submitter.gone.signal.aborted) return; // what it waited in is over too
      if (waits) this.#options.tasks.endWait(task, () => worker.send(answer, answerParts));
      else worker.send(answer, answerParts);
    };
    const signal = submitter.signalOf(request);
    const answered =
      ask.kind === "get"
        ? this.#get(ask, signal).then(({ outcomes, parts: own }) =>
            back({ type: "answer", request, outcomes }, own),
          )
        : this.#perform(worker, { ask, parts, signal }).then((data) =>
            back({ type: "reply", request, data }),
          );
    answered.catch((thrown: unknown) => {
      const error = thrown instanceof ShoalError ? thrown : new ShoalError("INTERNAL", String(thrown));
      back({ type: "refuse", request, error: error.toWire() });
    });
  }

  async #perform(
    worker: Worker,
    {
      ask,
      parts,
      signal,
    }: { readonly ask: Exclude<Ask, { kind: "get" }>; readonly parts: Parts; readonly signal: AbortSignal },
  ): Promise<unknown> {
    const { head, readers, actors, directory, store } = this.#options;
    const submitter = this.#submitterOf(worker);
    switch (ask.kind) {
      case "wait":
        return [...(await readers.some(ask.objects, ask.count, waitOptions(ask.timeoutMs, signal)))];
      case "put": {
        worker.held.add(ask.object);
        directory.create(ask.object, `put by worker ${worker.index}`);
        const { value, contains } = ask.result;
        directory.settle(ask.object, this.#stateOf(worker, { object: ask.object, value, parts }), contains);
        return undefined;
      }
      case "room":
        return await store.room(ask.bytes, { mountIsFull: ask.mountIsFull, writer: worker.pid });
      case "cancel":
        await head.cancel(ask.object, ask);
        return undefined;
      case "create":
        return await this.#create(submitter, ask, parts);
      case "named":
        return this.#given(submitter, await actors.named(ask.name, ask.namespace));
      case "has-failed":
        await readers.all([ask.object], { signal });
        return directory.find(ask.object)?.state.kind === "FAILED";
      case "group":
        await head.createGroup(ask.group, ask.data);
        // Of a task it is the job's, as in Ray: that process is anybody's.
        if (worker.actor !== undefined && !ask.data.detached) submitter.groups.add(ask.group);
        return undefined;
      case "named-group":
        return await head.namedGroup(ask.name, ask.namespace);
      case "group-ready":
        await head.groupReady(ask.group, waitOptions(ask.timeoutMs, signal));
        return undefined;
      case "ungroup":
        submitter.groups.delete(ask.group);
        await head.removeGroup(ask.group);
        return undefined;
      case "kill":
        await head.killActor(ask.actor, ask.noRestart);
        return undefined;
      case "stop": {
        const actor = actors.idOf(ask.actor);
        const stopped = actors.stop(actor, ask.graceMs);
        // Its own end it cannot wait for.
        if (actor !== worker.actor) await stopped;
        return undefined;
      }
      case "add-node":
        await head.addNode(ask.node);
        return undefined;
      case "remove-node":
        await head.removeNode(ask.node);
        return undefined;
      case "drain-node":
        await head.drainNode(ask.node, ask.draining);
        return undefined;
      case "rows":
        return [...(await head.rows(ask.of))];
      case "query":
        return await head.query(ask.of, ask.query);
      case "stacks":
        return await head.stacks(ask.timeoutMs === undefined ? {} : { timeoutMs: ask.timeoutMs });
      case "route":
        return await this.#options.routes.route(ask.actor, submitter);
      case "pause":
        return await withdrawn(signal);
      case "withdraw":
        return undefined;
    }
  }

  async #create(
    submitter: WorkerSubmitter,
    { spec, actor, watch }: Extract<Ask, { kind: "create" }>,
    args: Parts,
  ): Promise<ActorData | undefined> {
    const { actors, watches } = this.#options;
    submitter.creating.add(spec.task);
    if (watch !== undefined) submitter.watch(watch, (watcher) => watches.add(spec.task, watcher));
    try {
      const data = await actors.create({ ...spec, args }, actor);
      const released = submitter.gone.signal.aborted && data.actor === spec.task;
      return released ? undefined : this.#given(submitter, data);
    } catch (error) {
      if (watch !== undefined) submitter.unwatch(watch.id);
      throw error;
    } finally {
      submitter.creating.delete(spec.task);
    }
  }

  /** The handle that was held for the asker is the worker's from now on. */
  #given({ worker, gone }: WorkerSubmitter, data: ActorData): ActorData {
    if (gone.signal.aborted || worker.held.has(data.actor)) this.#options.directory.release(data.actor);
    else worker.held.add(data.actor);
    return data;
  }

  async #get(ask: Extract<Ask, { kind: "get" }>, signal: AbortSignal): Promise<Collected> {
    await this.#options.readers.all(ask.objects, waitOptions(ask.timeoutMs, signal));
    return await this.#collect(ask.objects);
  }

  async #collect(objects: readonly Id[]): Promise<Collected> {
    const outcomes: WireOutcome[] = [];
    const parts: Uint8Array[] = [];
    for (const id of objects) {
      const value = await this.#options.head.wireSettled(id, parts);
      outcomes.push(value instanceof ShoalError ? { error: value.toWire() } : { value });
    }
    return { outcomes, parts };
  }

  #stateOf(worker: Worker, { object, value, parts }: Sent): ObjectState {
    if (typeof value === "number") return { kind: "INLINE", parts };
    this.#options.store.adopt(object, value.fileBytes, worker.pid);
    return { kind: "STORED", fileBytes: value.fileBytes };
  }

  #submitterOf(worker: Worker): WorkerSubmitter {
    let submitter = this.#submitters.get(worker);
    if (submitter === undefined) {
      submitter = new WorkerSubmitter(worker);
      this.#submitters.set(worker, submitter);
    }
    return submitter;
  }
}

interface Sent {
  readonly object: Id;
  readonly value: WireValue;
  readonly parts: Parts;
}

interface Collected {
  readonly outcomes: readonly WireOutcome[];
  readonly parts: Parts;
}

/** Rejects when the asker withdraws. */
function withdrawn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function waitOptions(
  timeoutMs: number | undefined,
  signal: AbortSignal,
): { signal: AbortSignal; timeoutMs?: number } {
  return timeoutMs === undefined ? { signal } : { signal, timeoutMs };
}
