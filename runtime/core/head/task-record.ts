// One task as the head follows it: an ordinary task, or a call of an actor's method.

import type { ShoalError, Timer } from "../../base/index.ts";
import type { TaskSpec } from "../api/core.ts";
import type { Id, WireValue } from "../workers/messages.ts";
import type { Worker } from "./worker.ts";

export interface Item {
  readonly object: Id;
  /** Whether the directory has an entry for it: it is in a file, or has references in it. */
  readonly kept: boolean;
  readonly value: WireValue;
  readonly parts: readonly Uint8Array[];
}

/** The process that submitted a task: the driver, or a worker. */
export interface Submitter {
  /** 0 is the driver. */
  readonly index: number;
  /** An item of a stream that it submitted. */
  item(task: Id, item: Item): void;
  end(task: Id, error: ShoalError | undefined): void;
}

/** Ray's names. A variant holds what the state owns. */
export type TaskState =
  | { readonly kind: "PENDING_ARGS_AVAIL" }
  /** Waits for resources. */
  | { readonly kind: "PENDING_NODE_ASSIGNMENT" }
  /** A call in the queue of its actor. */
  | { readonly kind: "PENDING_ACTOR" }
  /** The pause before another attempt. */
  | { readonly kind: "PENDING_RETRY"; readonly timer: Timer }
  | { readonly kind: "RUNNING"; readonly worker: Worker }
  | { readonly kind: "FINISHED" }
  | { readonly kind: "FAILED"; readonly error: ShoalError };

export interface TaskRecord {
  readonly spec: TaskSpec;
  readonly submitter: Submitter;
  state: TaskState;
  /** The place in the order of all submissions. */
  readonly sequence: number;
  /** From 1. */
  attempt: number;
  /** How often its worker was killed for want of memory. */
  memoryKills: number;
  /** Arguments that are not ready yet. */
  missing: number;
  /** Ends the waiting for arguments. */
  readonly stopWaiting: (() => void)[];
  timer: Timer | undefined;
  /** How many `get`s and `wait`s the running task is in. */
  waits: number;
  /** Items made by all attempts, so that a later one does not give them again. */
  delivered: number;
  /** Items of this attempt so far. */
  produced: number;
  /** Items that were made and not yet read, in order. */
  readonly unread: Item[];
  /** Whether the submitter has asked for the items. */
  listening: boolean;
  children: Set<TaskRecord> | undefined;
}

export function isOver(record: TaskRecord): boolean {
  return record.state.kind === "FINISHED" || record.state.kind === "FAILED";
}
