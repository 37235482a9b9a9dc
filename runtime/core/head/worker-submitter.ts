// A worker as the submitter of tasks, the asker of questions and the watcher of actors.
//
// 1. What it waits for and watches is given up when its process is gone.

import { ShoalError } from "../../base/index.ts";
import type { ActorWatcher } from "../api/core.ts";
import type { Id, WatchData } from "../workers/messages.ts";
import type { Item, Submitter } from "./task-record.ts";
import { WatchRelay } from "./watch-relay.ts";
import type { Worker } from "./worker.ts";

export class WorkerSubmitter implements Submitter {
  readonly index: number;
  readonly worker: Worker;
  /** Aborts when the process is gone. */
  readonly gone = new AbortController();
  /** Actors whose creation it waits for. */
  readonly creating = new Set<Id>();
  /** Placement groups that go with the process. */
  readonly groups = new Set<Id>();
  readonly #asks = new Map<number, AbortController>();
  readonly #watches = new Map<number, DisposableStack>();

  constructor(worker: Worker) {
    this.worker = worker;
    this.index = worker.index;
  }

  item(task: Id, { object, value, parts }: Item): void {
    this.worker.send({ type: "item", task, object, value }, parts);
  }

  end(task: Id, error: ShoalError | undefined): void {
    this.worker.send(
      error === undefined ? { type: "end", task } : { type: "end", task, error: error.toWire() },
    );
  }

  signalOf(request: number): AbortSignal {
    const ask = new AbortController();
    this.#asks.set(request, ask);
    return ask.signal;
  }

  forget(request: number): void {
    this.#asks.delete(request);
  }

  withdraw(request: number): void {
    this.#asks.get(request)?.abort(new ShoalError("CANCELLED", "the caller gave up"));
  }

  /** `begin` may tell the watcher at once, also of the end. */
  watch(data: WatchData, begin: (watcher: ActorWatcher) => Disposable): void {
    const watch = new DisposableStack();
    this.#watches.set(data.id, watch);
    const begun = begin(new WatchRelay(this.worker, data, () => this.unwatch(data.id)));
    if (watch.disposed) begun[Symbol.dispose]();
    else watch.use(begun);
  }

  unwatch(id: number): void {
    this.#watches.get(id)?.dispose();
    this.#watches.delete(id);
  }

  /** The process is gone (invariant 1). */
  leave(): void {
    const reason = new ShoalError("CANCELLED", "the process that waited is gone");
    this.gone.abort(reason);
    for (const ask of this.#asks.values()) ask.abort(reason);
    for (const watch of this.#watches.values()) watch.dispose();
    this.#watches.clear();
  }
}
