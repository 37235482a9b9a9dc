// What the head has to do with calls that workers make directly: it lets callers in, and takes over what cannot go that way.
//
// 1. A caller is let in behind everything of its calls that came here before, or not at all.
// 2. An object of a worker that others know is settled: by the worker, or by its end.

import { rm } from "node:fs/promises";
import { ShoalError } from "../../base/index.ts";
import type { CancelOptions, Parts, TaskSpec } from "../api/core.ts";
import type {
  CallReport,
  HandedOver,
  OwnMessage,
  RouteAnswer,
  SettleMessage,
} from "../workers/direct-messages.ts";
import type { FromWorker, Id, WireOutcome } from "../workers/messages.ts";
import type { ObjectStore } from "../objects/index.ts";
import type { ActorTable } from "./actor-table.ts";
import type { ObjectDirectory, ObjectState } from "./object-directory.ts";
import { stateOf } from "./sent-value.ts";
import type { TaskRecorder } from "./task-recorder.ts";
import type { TaskTable } from "./task-table.ts";
import type { Worker } from "./worker.ts";
import type { WorkerSubmitter } from "./worker-submitter.ts";

export interface DirectRoutesOptions {
  readonly actors: ActorTable;
  readonly directory: ObjectDirectory;
  readonly store: ObjectStore;
  readonly tasks: TaskTable;
  readonly recorder: TaskRecorder;
  readonly workers: ReadonlySet<Worker>;
  /** Whether calls are recorded for lists. */
  readonly records: boolean;
  /** Calls `send` behind all that is on its way to the worker. */
  readonly inOrder: (worker: Worker, send: () => void) => void;
}

type Answer = (answer: RouteAnswer) => void;

const LATER: RouteAnswer = { kind: "later" };

export class DirectRoutes {
  readonly #options: DirectRoutesOptions;
  /** By the actor's worker and the number of the question, since a caller may ask again before it has its answer. */
  readonly #asked = new Map<Worker, Map<number, Answer>>();
  readonly #paths = new Map<Worker, string>();
  #lastRequest = 0;
  /** By object: whose it is (invariant 2). */
  readonly #owed = new Map<Id, Worker>();

  constructor(options: DirectRoutesOptions) {
    this.#options = options;
  }

  /** How a worker can call an actor directly. */
  route(actor: Id, { index }: WorkerSubmitter): Promise<RouteAnswer> {
    const record = this.#options.actors.find(actor);
    if (record === undefined || record.held.kind !== "ALIVE") return Promise.resolve(LATER);
    const { options, queue, incarnation, held } = record;
    if (options.maxPendingCalls >= 0) return Promise.resolve({ kind: "never" });
    const waits =
      !options.allowOutOfOrderExecution && queue.some(({ submitter }) => submitter.index === index);
    if (waits) return Promise.resolve(LATER); // invariant 1
    const { worker } = held;
    return new Promise((resolve) => {
      const asked = this.#asked.get(worker) ?? new Map<number, Answer>();
      this.#asked.set(worker, asked);
      const request = ++this.#lastRequest;
      asked.set(request, (answer) =>
        resolve(answer.kind === "route" ? { ...answer, actor, incarnation } : answer),
      );
      this.#options.inOrder(worker, () => worker.send({ type: "admit", caller: index, request }));
    });
  }

  onListening(worker: Worker, { request, path }: Extract<FromWorker, { type: "listening" }>): void {
    const answer = this.#asked.get(worker)?.get(request);
    this.#asked.get(worker)?.delete(request);
    if (path === undefined) {
      answer?.({ kind: "never" });
      return;
    }
    this.#paths.set(worker, path);
    const { index, pid } = worker;
    const { records } = this.#options;
    answer?.({ kind: "route", actor: 0, incarnation: 0, path, workerIndex: index, pid, reports: records });
  }

  /** A call that a worker had sent, or meant to send, directly. */
  submit(submitter: WorkerSubmitter, spec: TaskSpec, handedOver: HandedOver | undefined): void {
    const object = spec.task + 1;
    this.#owed.delete(object);
    // One that others know is held by whom it is held.
    if (this.#options.directory.find(object) === undefined) submitter.worker.held.add(object);
    if (handedOver === undefined) this.#options.tasks.submit(spec, submitter);
    else this.#options.tasks.adopt(spec, submitter, handedOver);
  }

  /** References to the object are about to leave its worker. */
  own(worker: Worker, { object, origin, outcome }: OwnMessage, parts: Parts): void {
    worker.held.add(object);
    this.#options.directory.create(object, origin, object - 1);
    if (outcome === undefined) this.#owed.set(object, worker);
    else this.#options.directory.settle(object, smallState(outcome, parts));
  }

  /** The worker writes an object that what it submits next needs. */
  ahead(worker: Worker, object: Id): void {
    worker.held.add(object);
    this.#options.directory.create(object, `put by worker ${worker.index}`);
    this.#owed.set(object, worker);
  }

  settle(worker: Worker, { object, outcome }: SettleMessage, parts: Parts): void {
    const { directory, store } = this.#options;
    this.#owed.delete(object);
    if ("error" in outcome || typeof outcome.value === "number") {
      directory.settle(object, smallState(outcome, parts));
      return;
    }
    const stored = stateOf(store, worker, { object, value: outcome.value, parts });
    if (!directory.settle(object, stored)) store.delete(object); // let go of meanwhile
  }

  /** Cancels what a worker called directly; false when it is none of these. */
  cancel(object: Id, { force, recursive }: CancelOptions): boolean {
    const worker = this.#owed.get(object);
    worker?.send({ type: "cancel-direct", object, force, recursive });
    return worker !== undefined;
  }

  report(worker: Worker, report: CallReport): void {
    const place = [...this.#options.workers].find(({ index }) => index === report.workerIndex);
    this.#options.recorder.report(worker, report, place);
  }

  /** A worker is gone, as a caller and as an actor. */
  onEnd(worker: Worker): void {
    const error = new ShoalError("CANCELLED", "the process that called is gone");
    for (const [object, owner] of this.#owed) {
      if (owner !== worker) continue;
      this.#owed.delete(object);
      this.#options.directory.settle(object, { kind: "FAILED", error }); // invariant 2
    }
    this.#options.recorder.callerEnded(worker, error);
    for (const answer of this.#asked.get(worker)?.values() ?? []) answer(LATER);
    this.#asked.delete(worker);
    const path = this.#paths.get(worker);
    this.#paths.delete(worker);
    if (path !== undefined) void rm(path, { force: true }).catch(() => undefined);
  }
}

function smallState(outcome: WireOutcome, parts: Parts): ObjectState {
  if ("error" in outcome) return { kind: "FAILED", error: ShoalError.fromWire(outcome.error) };
  return { kind: "INLINE", parts };
}
