// What a worker says, and what becomes of it: the results of its tasks, what it submits, holds and asks.
//
// 1. Messages of one worker are dealt with in their order, so that it holds what it was given before what gave it is
//    released.
// 2. A message about a task that is over frees the worker and changes nothing else.

import { ShoalError } from "../../base/index.ts";
import type { Parts, TaskSpec } from "../api/core.ts";
import type { FromWorker } from "../workers/messages.ts";
import type { Item } from "./task-record.ts";
import { isOver } from "./task-record.ts";
import type { Worker } from "./worker.ts";
import { type AskOptions, WorkerAsks } from "./worker-asks.ts";
import { stateOf } from "./sent-value.ts";
import { WorkerSubmitter } from "./worker-submitter.ts";

type Message<T extends FromWorker["type"]> = Extract<FromWorker, { type: T }>;

export class WorkerRouter {
  readonly #options: AskOptions;
  readonly #asks: WorkerAsks;
  readonly #submitters = new Map<Worker, WorkerSubmitter>();

  constructor(options: AskOptions) {
    this.#options = options;
    this.#asks = new WorkerAsks(options);
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
      case "ahead":
        routes.ahead(worker, message.object);
        break;
      case "own":
        routes.own(worker, message, parts);
        break;
      case "settle":
        routes.settle(worker, message, parts);
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
      case "abandon":
        this.#options.tasks.abandon(message.task);
        break;
      case "watch":
        this.#submitterOf(worker).watch(message.watch, (watcher) => actors.watch(message.actor, watcher));
        break;
      case "unwatch":
        this.#submitterOf(worker).unwatch(message.watch);
        break;
      case "ask":
        this.#asks.onAsk(this.#submitterOf(worker), message, parts);
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
      const state = stateOf(this.#options.store, worker, { object, value, parts: own });
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
    const { directory, store, tasks } = this.#options;
    const record = worker.running.get(task)?.record;
    const { value, contains } = result;
    const again = record !== undefined && ++record.produced <= record.delivered;
    if (record === undefined || isOver(record) || again) {
      if (typeof value !== "number") store.delete(object);
      // The reader has read it before: the producer may go on.
      if (again) worker.send({ type: "credit", task, count: 1 });
      return;
    }
    if (tasks.hasNoReader(record)) {
      if (typeof value !== "number") store.delete(object);
      tasks.abandon(task);
      return;
    }
    record.delivered++;
    const kept = typeof value !== "number" || contains.length > 0;
    if (kept) {
      directory.create(object, `item of ${record.spec.label}`, task);
      directory.settle(object, stateOf(this.#options.store, worker, { object, value, parts }), contains);
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

  #submitterOf(worker: Worker): WorkerSubmitter {
    let submitter = this.#submitters.get(worker);
    if (submitter === undefined) {
      submitter = new WorkerSubmitter(worker);
      this.#submitters.set(worker, submitter);
    }
    return submitter;
  }
}
