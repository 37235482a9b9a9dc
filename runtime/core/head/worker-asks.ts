// What a worker asks of the head: each ask has one answer, a refusal, or none when its process is gone or withdraws it.
//
// 1. Who waits in a task for objects gives its CPUs back meanwhile, and has its answer when it has them again.

import { ShoalError } from "../../base/index.ts";
import type { Parts } from "../api/core.ts";
import type { ObjectStore } from "../objects/index.ts";
import {
  type ActorData,
  type Ask,
  type FromWorker,
  type Id,
  isWaiting,
  type ToWorker,
  type WireOutcome,
} from "../workers/messages.ts";
import type { ActorTable } from "./actor-table.ts";
import type { ActorWatches } from "./actor-watches.ts";
import type { DirectRoutes } from "./direct-routes.ts";
import type { Head } from "./head.ts";
import type { ObjectDirectory } from "./object-directory.ts";
import type { Readers } from "./readers.ts";
import { stateOf } from "./sent-value.ts";
import type { TaskTable } from "./task-table.ts";
import type { WorkerSubmitter } from "./worker-submitter.ts";

export interface AskOptions {
  readonly head: Head;
  readonly directory: ObjectDirectory;
  readonly store: ObjectStore;
  readonly readers: Readers;
  readonly tasks: TaskTable;
  readonly actors: ActorTable;
  readonly watches: ActorWatches;
  readonly routes: DirectRoutes;
}

type AskMessage = Extract<FromWorker, { type: "ask" }>;

export class WorkerAsks {
  readonly #options: AskOptions;

  constructor(options: AskOptions) {
    this.#options = options;
  }

  onAsk(submitter: WorkerSubmitter, { request, task, ask }: AskMessage, parts: Parts): void {
    const { worker } = submitter;
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
    if (waits) this.#options.tasks.beginWait(task); // invariant 1
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
        : this.#perform(submitter, { ask, parts, signal }).then((data) =>
            back({ type: "reply", request, data }),
          );
    answered.catch((thrown: unknown) => {
      const error = thrown instanceof ShoalError ? thrown : new ShoalError("INTERNAL", String(thrown));
      back({ type: "refuse", request, error: error.toWire() });
    });
  }

  async #perform(
    submitter: WorkerSubmitter,
    {
      ask,
      parts,
      signal,
    }: { readonly ask: Exclude<Ask, { kind: "get" }>; readonly parts: Parts; readonly signal: AbortSignal },
  ): Promise<unknown> {
    const { head, readers, actors, directory, store } = this.#options;
    const { worker } = submitter;
    switch (ask.kind) {
      case "wait":
        return [...(await readers.some(ask.objects, ask.count, waitOptions(ask.timeoutMs, signal)))];
      case "put": {
        worker.held.add(ask.object);
        directory.create(ask.object, `put by worker ${worker.index}`);
        const { value, contains } = ask.result;
        directory.settle(ask.object, stateOf(store, worker, { object: ask.object, value, parts }), contains);
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
