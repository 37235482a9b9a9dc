// A task or call while it is here: what its code can learn of it, and what the executor keeps of it.
//
// 1. The signal is made when somebody asks for it: it is by far the dearest part of a call that does nothing.

import type { Id, RunMessage } from "../workers/messages.ts";
import type { DirectReply } from "./direct/caller.ts";
import type { TaskContext } from "./task-context.ts";

export interface RunningIn {
  readonly actorId: Id | undefined;
  readonly incarnation: number | undefined;
  readonly gpuIds: readonly number[];
  readonly nowMs: number;
  readonly reply: DirectReply | undefined;
}

const noWait = (): void => {};

export class Running implements TaskContext {
  readonly taskId: Id;
  readonly name: string;
  readonly attempt: number;
  readonly actorId: Id | undefined;
  readonly incarnation: number | undefined;
  readonly gpuIds: readonly number[];
  readonly sinceMs: number;
  /** Whether its function was called. */
  begun = false;
  /** Items the reader still has room for. */
  credit: number;
  /** Ends the wait of a generator without credit. */
  wake: () => void = noWait;
  /** Where the outcome goes, if not to the head. */
  reply: DirectReply | undefined;
  #cancelled = false;
  #abort: AbortController | undefined;

  constructor(
    { task, label, attempt, window }: RunMessage,
    { actorId, incarnation, gpuIds, nowMs, reply }: RunningIn,
  ) {
    this.taskId = task;
    this.name = label;
    this.attempt = attempt;
    this.actorId = actorId;
    this.incarnation = incarnation;
    this.gpuIds = gpuIds;
    this.sinceMs = nowMs;
    this.credit = window;
    this.reply = reply;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cancelled) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  get isCancelled(): boolean {
    return this.#cancelled;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#abort?.abort();
    this.wake();
  }
}
