// Calls of actors on their way to the worker: refused at once, queued while the actor cannot take them, sent in order.
//
// 1. A dead or stopping actor answers everything at once.

import { ShoalError } from "../../base/index.ts";
import type { Id } from "../workers/messages.ts";
import { type ActorRecord, takeSendable } from "./actor-record.ts";
import { isOver, type TaskRecord } from "./task-record.ts";
import type { Worker } from "./worker.ts";

export interface ActorCallsOptions {
  readonly find: (actor: Id) => ActorRecord | undefined;
  /** Sends a call to the actor's worker. */
  readonly run: (call: TaskRecord, worker: Worker) => void;
  readonly fail: (call: TaskRecord, error: ShoalError) => void;
}

export class ActorCalls {
  readonly #options: ActorCallsOptions;

  constructor(options: ActorCallsOptions) {
    this.#options = options;
  }

  enqueue(call: TaskRecord): void {
    const record = this.#actorOf(call);
    const refusal = refusalOf(record, call);
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

/** Invariant 1. */
function refusalOf(record: ActorRecord | undefined, { spec }: TaskRecord): ShoalError | undefined {
  const what = `Cannot call "${spec.label}"`;
  if (record === undefined) return new ShoalError("ACTOR_DIED", `${what}: there is no such actor`);
  const { held, pending, options } = record;
  if (held.kind === "DEAD") return new ShoalError("ACTOR_DIED", `${what}: ${held.error.message}`);
  if (held.kind === "STOPPING") return new ShoalError("ACTOR_DIED", `${what}: the actor is being stopped`);
  if (held.kind === "RESTARTING" && spec.maxRetries === 0) {
    const { delayMs } = held;
    return new ShoalError("ACTOR_UNAVAILABLE", `${what}: the actor is being restarted`, {
      retryAfterMs: delayMs,
    });
  }
  if (options.maxPendingCalls >= 0 && pending >= options.maxPendingCalls) {
    return new ShoalError("QUEUE_FULL", `${what}: ${pending} calls wait, which is the limit`);
  }
  return undefined;
}
