// The tasks whose results could be made again, should they be lost.
//
// 1. Bounded: above `maxBytes` of arguments the oldest tasks are let go, and their results cannot be made again.
// 2. A task that is kept holds its arguments, so that they can be made again too.
// 3. What was put, and what actors returned, is never made again.

import type { Id } from "../workers/messages.ts";
import type { ObjectDirectory } from "./object-directory.ts";
import type { TaskRecord } from "./task-record.ts";

/** Ray's figure: 1 GiB of task specifications. */
const MAX_BYTES = 2 ** 30;
/** What a record takes besides its arguments. */
const RECORD_BYTES = 1_000;

export class Lineage {
  readonly #directory: ObjectDirectory;
  readonly #maxBytes: number;
  readonly #records = new Map<Id, TaskRecord>();
  #bytes = 0;

  constructor(directory: ObjectDirectory, maxBytes = MAX_BYTES) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
  }

  /** Takes over a finished task with its hold on its arguments; false when it is of a kind that is not kept. */
  keep(record: TaskRecord): boolean {
    const { spec } = record;
    if (spec.actor !== undefined || spec.maxRetries === 0 || !this.#hasStored(record)) return false;
    this.#records.set(spec.task, record);
    this.#bytes += sizeOf(record);
    for (const [task, oldest] of this.#records) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#records.delete(task); // invariant 1
      this.#letGo(oldest);
    }
    return true;
  }

  /** Gives a task out, to be run again; its hold on its arguments goes with it. */
  take(task: Id): TaskRecord | undefined {
    const record = this.#records.get(task);
    if (record === undefined) return undefined;
    this.#records.delete(task);
    this.#bytes -= sizeOf(record);
    return record;
  }

  /** A result of the task was freed: without any other it is not kept. */
  onFreed(task: Id): void {
    const record = this.#records.get(task);
    if (record === undefined || this.#hasStored(record)) return;
    this.#records.delete(task);
    this.#letGo(record);
  }

  #hasStored({ spec }: TaskRecord): boolean {
    for (let index = 1; index <= spec.numReturns; index++) {
      if (this.#directory.find(spec.task + index)?.state.kind === "STORED") return true;
    }
    return false;
  }

  #letGo(record: TaskRecord): void {
    this.#bytes -= sizeOf(record);
    releaseArguments(this.#directory, record); // invariant 2
  }
}

/** Ends a task's hold on its arguments. */
export function releaseArguments(directory: ObjectDirectory, { spec }: TaskRecord): void {
  for (const [, object] of spec.references) directory.release(object);
  for (const object of spec.contains) directory.release(object);
}

function sizeOf({ spec }: TaskRecord): number {
  return spec.args.reduce((sum, part) => sum + part.byteLength, RECORD_BYTES);
}
