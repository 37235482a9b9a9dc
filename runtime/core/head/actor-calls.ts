// Calls of actors on their way to the worker: refused at once, queued while the actor cannot take them, sent in order.
//
// 1. A dead or stopping actor answers everything at once.

import { type Clock, ShoalError } from "../../base/index.ts";
import type { HandedOver } from "../workers/direct-messages.ts";
import type { Id } from "../workers/messages.ts";
import { type ActorRecord, takeSendable } from "./actor-record.ts";
import { isOver, type TaskRecord } from "./task-record.ts";
import type { Worker } from "./worker.ts";

/** Between the end of an actor's connections and that of its process. */
const END_WITHIN_MS = 5_000;

export interface ActorCallsOptions {
  readonly find: (actor: Id) => ActorRecord | undefined;
  /** Sends a call to the actor's worker. */
  readonly run: (call: TaskRecord, worker: Worker) => void;
  readonly fail: (call: TaskRecord, error: ShoalError) => void;
  /** The process it ran on is gone: it may be tried again. */
  readonly lost: (call: TaskRecord, error: ShoalError) => void;
  /** A call runs on the actor's worker, which waits for a word of it. */
  readonly runs: (call: TaskRecord, worker: Worker) => void;
  readonly clock: Clock;
}

export class ActorCalls {
  readonly #options: ActorCallsOptions;

  constructor(options: ActorCallsOptions) {
    this.#options = options;
  }

  enqueue(call: TaskRecord): void {
    const record = this.#actorOf(call);
    const refusal = refusalOf(record, call) ?? overflowOf(record, call);
    if (record !== undefined) record.pending++;
    if (refusal !== undefined) {
      this.#options.fail(call, refusal);
      return;
    }
    call.state = { kind: "PENDING_ACTOR" };
    record?.queue.push(call);
  }

  /** The arguments of a call are ready, or it is tried again. */
  ready(call: TaskRecord): void {
    const record = this.#actorOf(call);
    if (record === undefined) return;
    if (call.state.kind !== "PENDING_ACTOR") {
      const refusal = refusalOf(record, call);
      if (refusal !== undefined) {
        this.#options.fail(call, refusal);
        return;
      }
      call.state = { kind: "PENDING_ACTOR" };
      const at = record.queue.findIndex(({ sequence }) => sequence > call.sequence);
      record.queue.splice(at < 0 ? record.queue.length : at, 0, call);
    }
    this.pump(record);
  }

  /** A call that its caller sent to one of the actor's processes, where it runs or got lost. */
  adopt(call: TaskRecord, { incarnation, runs }: HandedOver): void {
    const record = this.#actorOf(call);
    if (record !== undefined) record.pending++;
    const { held } = record ?? {};
    if (record === undefined || held === undefined || held.kind === "DEAD") {
      this.#options.fail(call, lossOf(record, call));
      return;
    }
    const isThere = record.incarnation === incarnation && (held.kind === "ALIVE" || held.kind === "STOPPING");
    if (isThere && runs) this.#options.runs(call, held.worker);
    else if (isThere) {
      // Its caller heard of the end before the head did.
      call.state = { kind: "PENDING_ACTOR" };
      record.orphans.push(call);
      call.timer = this.#options.clock.timer(END_WITHIN_MS, () => this.#onNoEnd(record, call));
    } else this.#options.lost(call, lossOf(record, call));
  }

  #onNoEnd(record: ActorRecord, call: TaskRecord): void {
    const at = record.orphans.indexOf(call);
    if (at < 0) return;
    record.orphans.splice(at, 1);
    this.#options.lost(call, lossOf(undefined, call));
  }

  over(call: TaskRecord): void {
    const record = this.#actorOf(call);
    if (record === undefined) return;
    record.pending--;
    if (call.state.kind !== "FAILED" || record.queue.length === 0) return;
    const at = record.queue.indexOf(call);
    if (at >= 0) record.queue.splice(at, 1);
    this.pump(record);
  }

  /** Sends what may be sent now. */
  pump(record: ActorRecord): void {
    const { held } = record;
    if (held.kind !== "ALIVE") return;
    for (const call of takeSendable(record)) {
      if (isOver(call)) continue;
      call.state = { kind: "RUNNING", worker: held.worker };
      this.#options.run(call, held.worker);
    }
  }

  #actorOf({ spec }: TaskRecord): ActorRecord | undefined {
    return this.#options.find(spec.actor ?? 0);
  }
}

/** Why a call that was on its way directly has no result. */
function lossOf(record: ActorRecord | undefined, call: TaskRecord): ShoalError {
  const { spec } = call;
  if (record?.held.kind === "DEAD") {
    const { error } = record.held;
    return error.code === "ACTOR_DIED"
      ? error
      : new ShoalError("ACTOR_DIED", error.message, { cause: error });
  }
  const what = `Cannot call "${spec.label}": the connection to the actor was lost`;
  return record?.lastLoss ?? new ShoalError("ACTOR_UNAVAILABLE", what, { retryAfterMs: 0 });
}

/** Invariant 1. */
function refusalOf(record: ActorRecord | undefined, { spec }: TaskRecord): ShoalError | undefined {
  const what = `Cannot call "${spec.label}"`;
  if (record === undefined) return new ShoalError("ACTOR_DIED", `${what}: there is no such actor`);
  const { held } = record;
  if (held.kind === "DEAD") return new ShoalError("ACTOR_DIED", `${what}: ${held.error.message}`);
  if (held.kind === "STOPPING") return new ShoalError("ACTOR_DIED", `${what}: the actor is being stopped`);
  if (held.kind === "RESTARTING" && spec.maxRetries === 0) {
    const { delayMs } = held;
    return new ShoalError("ACTOR_UNAVAILABLE", `${what}: the actor is being restarted`, {
      retryAfterMs: delayMs,
    });
  }
  return undefined;
}

/** Of a new call only: one that is tried again is among those that are counted. */
function overflowOf(record: ActorRecord | undefined, { spec }: TaskRecord): ShoalError | undefined {
  const { pending = 0, options } = record ?? {};
  if (options === undefined || options.maxPendingCalls < 0 || pending < options.maxPendingCalls)
    return undefined;
  return new ShoalError(
    "QUEUE_FULL",
    `Cannot call "${spec.label}": ${pending} calls wait, which is the limit`,
  );
}
