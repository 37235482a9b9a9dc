// The life of tasks: wait for arguments, for resources, run, and end – once – in results or an error.
//
// 1. Every task that was submitted ends, and its returned objects with it: by its result, what it threw, the end of
//    its worker when no retry is left, its deadline, its cancellation, or an argument that failed.
// 2. Arguments are held from submission to the end.
// 3. A task that waits for objects gives its CPUs back meanwhile and runs on only when it has them again.
// 4. `#end` is the one place where a task ends. Its worker and lease are the worker's to give back: one that goes on
//    with a task nobody waits for keeps both.
// 5. After the shutdown nothing runs: a task that is submitted then, or would be run again, fails at once.

import { type Clock, ShoalError } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import type { CancelOptions, TaskSpec } from "../api/core.ts";
import { showId } from "../api/ids.ts";
import type { HandedOver } from "../workers/direct-messages.ts";
import type { Id } from "../workers/messages.ts";
import type { ActorCalls } from "./actor-calls.ts";
import { type Lineage, releaseArguments } from "./lineage.ts";
import type { Lanes } from "./lanes.ts";
import type { ObjectDirectory } from "./object-directory.ts";
import type { TaskRecorder } from "./task-recorder.ts";
import { oomRetryDelayMs } from "../memory/memory-victim.ts";
import { lendCpus, takeCpusBack } from "./lent-cpus.ts";
import { TaskFamilies } from "./task-families.ts";
import { hasRetry, retriesOn } from "./task-retries.ts";
import { isOver, type Item, type Submitter, type TaskRecord } from "./task-record.ts";

export interface TaskTableOptions {
  readonly directory: ObjectDirectory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lanes: () => Lanes;
  readonly recorder: TaskRecorder;
  readonly lineage: Lineage;
  readonly calls: () => ActorCalls;
}

interface GivingUp extends CancelOptions {
  readonly killAfterMs: number | undefined;
}

/** How long a cancelled task that runs may take to end before its worker is killed after a passed deadline. */
const DEADLINE_GRACE_MS = 500;

export class TaskTable {
  readonly #options: TaskTableOptions;
  readonly #records = new Map<Id, TaskRecord>();
  readonly #families = new TaskFamilies();
  #lastSequence = 0;
  /** Why nothing runs any more (invariant 5). */
  #closed: ShoalError | undefined;

  constructor(options: TaskTableOptions) {
    this.#options = options;
  }

  /** Fails every task, and those to come (invariant 5). */
  close(error: ShoalError): void {
    this.#closed = error;
    for (const record of Array.from(this.#records.values())) this.fail(record, error);
  }

  find(task: Id): TaskRecord | undefined {
    return this.#records.get(task);
  }

  submit(spec: TaskSpec, submitter: Submitter): TaskRecord {
    const record = this.#open(spec, submitter);
    if (spec.timeoutMs !== undefined) {
      record.timer = this.#options.clock.timer(spec.timeoutMs, () => this.#onDeadline(record));
    }
    if (spec.actor !== undefined) this.#options.calls().enqueue(record);
    for (const [, object] of spec.references) this.#await(record, object);
    if (this.#closed !== undefined) this.fail(record, this.#closed);
    this.#options.recorder.begin(record);
    if (isOver(record)) this.#record(record);
    else if (record.missing === 0) this.#proceed(record);
    return record;
  }

  /** A call that its caller had sent to the actor itself. */
  adopt(spec: TaskSpec, submitter: Submitter, handedOver: HandedOver): void {
    const record = this.#open(spec, submitter);
    this.#options.recorder.begin(record);
    this.#options.calls().adopt(record, handedOver);
  }

  #open(spec: TaskSpec, submitter: Submitter): TaskRecord {
    const { directory } = this.#options;
    const record: TaskRecord = {
      spec,
      submitter,
      sequence: ++this.#lastSequence,
      state: { kind: "PENDING_ARGS_AVAIL" },
      attempt: 1,
      memoryKills: 0,
      missing: 0,
      stopWaiting: [],
      timer: undefined,
      waits: 0,
      delivered: 0,
      produced: 0,
      unread: [],
      listening: false,
      children: undefined,
    };
    this.#records.set(spec.task, record);
    for (let object = spec.task + 1; object <= spec.task + spec.numReturns; object++) {
      // What its caller meant to keep to itself may be known already.
      if (directory.find(object) === undefined) directory.create(object, spec.label, spec.task);
    }
    for (const [, object] of spec.references) directory.hold(object); // invariant 2
    for (const object of spec.contains) directory.hold(object);
    if (spec.actor !== undefined) directory.hold(spec.actor);
    this.#families.join(record, this.#parentOf(record));
    return record;
  }

  /** The task's objects are settled. */
  finished(record: TaskRecord): void {
    if (!isOver(record)) this.#end(record, { kind: "FINISHED" });
  }

  /** The task's code threw; its worker has left it. */
  threw(record: TaskRecord, error: ShoalError, errorName: string): void {
    if (isOver(record)) return;
    const again = retriesOn(record.spec.retryOn, error, errorName) && hasRetry(record);
    if (again) this.#again(record, error);
    else this.#end(record, { kind: "FAILED", error });
  }

  /** The worker or actor of a task ended; one that had not `begun` loses no attempt by it. */
  lost(record: TaskRecord, error: ShoalError, begun = true): void {
    if (isOver(record)) return;
    if (!begun) this.givenBack(record);
    else if (hasRetry(record)) this.#again(record, error);
    else this.#end(record, { kind: "FAILED", error });
  }

  /** Its worker was killed for want of memory: tried again without end, later each time, as Ray does. */
  lostToMemory(record: TaskRecord, error: ShoalError): void {
    if (isOver(record)) return;
    if (record.spec.maxRetries === 0) {
      this.#end(record, { kind: "FAILED", error });
      return;
    }
    const { recorder, clock, log } = this.#options;
    recorder.failed(record, error);
    const delayMs = oomRetryDelayMs(++record.memoryKills);
    log.warn(
      { task: showId(record.spec.task) },
      `"${record.spec.label}" is tried again in ${delayMs} ms: ${error.message}`,
    );
    record.waits = 0;
    const timer = clock.timer(delayMs, () => {
      recorder.begin(record);
      record.state = { kind: "PENDING_ARGS_AVAIL" };
      this.#awaitArguments(record);
    });
    record.state = { kind: "PENDING_RETRY", timer };
  }

  /** A worker gave a task back before it began. */
  givenBack(record: TaskRecord): void {
    if (isOver(record)) return;
    record.state = { kind: "PENDING_NODE_ASSIGNMENT" };
    this.#options.lanes().push(record);
  }

  /** An argument of a task that was about to be sent is being made again. */
  awaitAgain(record: TaskRecord): void {
    if (isOver(record)) return;
    record.state = { kind: "PENDING_ARGS_AVAIL" };
    this.#awaitArguments(record);
  }

  /** Ends a task by an error, wherever it is. */
  fail(record: TaskRecord, error: ShoalError): void {
    if (!isOver(record)) this.#end(record, { kind: "FAILED", error });
  }

  /**
   * Ray's cancel: a queued task is removed; a running one is asked to stop, with `force` its worker is killed. Its
   * objects fail with CANCELLED at once. Children are cancelled too when `recursive`.
   */
  cancel(record: TaskRecord, { force, recursive }: CancelOptions): void {
    if (recursive && record.children !== undefined) {
      for (const child of Array.from(record.children)) this.cancel(child, { force, recursive });
    }
    if (isOver(record)) return;
    const error = new ShoalError("CANCELLED", `Task "${record.spec.label}" was cancelled`);
    this.#giveUp(record, error, { force, recursive, killAfterMs: force ? 0 : undefined });
  }

  /** Starts making a lost object again; false when it cannot be. */
  rebuild(object: Id): boolean {
    const { directory, lineage, log } = this.#options;
    const task = directory.find(object)?.task;
    if (task === undefined || this.#closed !== undefined) return false;
    const again = this.#records.get(task);
    if (again !== undefined) {
      // One of several results of a task that is run again already; an item of a stream is made once.
      const isReturned = object > task && object <= task + again.spec.numReturns;
      if (isReturned) directory.reopen(object);
      return isReturned;
    }
    const record = lineage.take(task);
    if (record === undefined) return false;
    log.warn({ object: showId(object) }, `"${record.spec.label}" is run again: its result was lost`);
    directory.reopen(object);
    this.#records.set(task, record);
    record.attempt++;
    this.#options.recorder.begin(record);
    record.state = { kind: "PENDING_ARGS_AVAIL" };
    this.#awaitArguments(record);
    return true;
  }

  /** What the code of a direct call submitted. */
  cancelStrays(parent: Id, force: boolean): void {
    for (const child of this.#families.straysOf(parent)) this.cancel(child, { force, recursive: true });
  }

  /** Cancels the task that makes an object; one that is made already stays. */
  cancelObject(object: Id, options: CancelOptions): void {
    const task = this.#options.directory.find(object)?.task;
    const record = task === undefined ? undefined : this.#records.get(task);
    if (record !== undefined) this.cancel(record, options);
  }

  /** Items of a stream were read: they are no longer held, and the task may make as many more. */
  consumed(record: TaskRecord, count: number): void {
    this.#drop(record.unread.splice(0, count));
    if (record.state.kind === "RUNNING") {
      record.state.worker.send({ type: "credit", task: record.spec.task, count });
    } else if (isOver(record) && record.unread.length === 0) this.#forget(record);
  }

  /** Gives the submitter the items that were made so far, and from now on each. */
  listen(task: Id, submitter: Submitter): void {
    const record = this.#records.get(task);
    if (record === undefined) {
      const state = this.#options.directory.find(task + 1)?.state;
      submitter.end(task, state?.kind === "FAILED" ? state.error : undefined);
      return;
    }
    record.listening = true;
    for (const item of record.unread) submitter.item(task, item);
    if (isOver(record)) this.#tellEnd(record);
  }

  /** Nobody reads the stream any more: what runs of it is cancelled, what was made of it is let go. */
  abandon(task: Id): void {
    const record = this.#records.get(task);
    if (record === undefined) return;
    if (!isOver(record)) this.cancel(record, { force: false, recursive: true });
    this.#forget(record);
  }

  /** Whether nobody has the reference to a stream, nor iterates it. */
  hasNoReader(record: TaskRecord): boolean {
    return !record.listening && this.#options.directory.find(record.spec.task + 1) === undefined;
  }

  /** Nobody has the reference to what the task returns: a stream that nobody iterates has no reader any more. */
  onFreed(task: Id): void {
    const record = this.#records.get(task);
    if (record !== undefined && record.delivered > 0 && this.hasNoReader(record)) this.abandon(task);
  }

  /** Everything a process submitted that went away; its actors are not among it. */
  cancelAllOf(submitter: Submitter): void {
    for (const record of Array.from(this.#records.values())) {
      if (record.submitter !== submitter) continue;
      this.cancel(record, { force: true, recursive: true });
      this.#forget(record); // nobody reads what is left of a stream
    }
  }

  /** Invariant 3. */
  beginWait(task: Id): void {
    lendCpus(this.#records.get(task));
  }

  /** Calls `resume` once the task has its CPUs again. */
  endWait(task: Id, resume: () => void): void {
    takeCpusBack(this.#records.get(task), resume);
  }

  #awaitArguments(record: TaskRecord): void {
    for (const [, object] of record.spec.references) this.#await(record, object);
    if (record.missing === 0 && !isOver(record)) this.#proceed(record);
  }

  #await(record: TaskRecord, object: Id): void {
    const { directory } = this.#options;
    let now = true;
    record.missing++;
    const stop = directory.whenSettled(object, (entry) => {
      record.missing--;
      if (isOver(record)) return;
      if (entry.state.kind === "FAILED") this.fail(record, entry.state.error);
      else if (record.missing === 0 && !now) {
        this.#options.recorder.proceed(record);
        this.#proceed(record);
      }
    });
    now = false;
    record.stopWaiting.push(stop);
  }

  #proceed(record: TaskRecord): void {
    const { spec } = record;
    if (spec.actor !== undefined) {
      this.#options.calls().ready(record);
      return;
    }
    record.produced = 0;
    record.state = { kind: "PENDING_NODE_ASSIGNMENT" };
    this.#options.lanes().push(record);
  }

  #again(record: TaskRecord, error: ShoalError): void {
    const why = error.message;
    this.#options.recorder.failed(record, error);
    this.#options.log.info(
      { task: showId(record.spec.task) },
      `"${record.spec.label}" is tried again: ${why}`,
    );
    record.attempt++;
    this.#options.recorder.begin(record);
    record.waits = 0;
    record.state = { kind: "PENDING_ARGS_AVAIL" };
    this.#proceed(record);
  }

  #onDeadline(record: TaskRecord): void {
    const { label, timeoutMs } = record.spec;
    const what = `Task "${label}" has no result within ${timeoutMs} ms`;
    const error = new ShoalError("DEADLINE_EXCEEDED", what);
    this.#giveUp(record, error, { force: false, recursive: false, killAfterMs: DEADLINE_GRACE_MS });
  }

  /** Fails a task; if it runs, it is told, and killed with its worker when `killAfterMs` have passed. */
  #giveUp(record: TaskRecord, error: ShoalError, { killAfterMs, ...options }: GivingUp): void {
    const { state, spec } = record;
    this.#end(record, { kind: "FAILED", error });
    if (state.kind !== "RUNNING") return;
    const own = spec.actor === undefined ? killAfterMs : undefined;
    state.worker.abandonTask(spec.task, { ...options, killAfterMs: own, why: error.message });
  }

  /** Invariant 4. */
  #end(record: TaskRecord, to: Extract<TaskRecord["state"], { kind: "FINISHED" | "FAILED" }>): void {
    const { directory } = this.#options;
    const { spec, state } = record;
    record.timer?.cancel();
    if (record.missing > 0) for (const stop of record.stopWaiting) stop();
    if (state.kind === "PENDING_RETRY") state.timer.cancel();
    record.state = to;
    this.#record(record);
    if (state.kind === "PENDING_NODE_ASSIGNMENT") this.#options.lanes().remove(record);
    if (spec.actor !== undefined) this.#options.calls().over(record);
    if (to.kind === "FAILED") {
      for (let index = 1; index <= spec.numReturns; index++) {
        directory.settle(spec.task + index, { kind: "FAILED", error: to.error });
      }
    }
    const kept = to.kind === "FINISHED" && this.#options.lineage.keep(record);
    if (!kept) releaseArguments(directory, record); // invariant 2
    if (spec.actor !== undefined) directory.release(spec.actor);
    if (record.listening) this.#tellEnd(record);
    // Items that nobody has read yet keep the record, as long as somebody may.
    if (record.unread.length === 0 || this.hasNoReader(record)) this.#forget(record);
  }

  #record(record: TaskRecord): void {
    const { state } = record;
    if (state.kind === "FAILED") this.#options.recorder.failed(record, state.error);
    else this.#options.recorder.finished(record);
  }

  #tellEnd({ spec, state, submitter }: TaskRecord): void {
    submitter.end(spec.task, state.kind === "FAILED" ? state.error : undefined);
  }

  #drop(items: readonly Item[]): void {
    for (const { object, kept } of items) if (kept) this.#options.directory.release(object);
  }

  #forget(record: TaskRecord): void {
    this.#drop(record.unread.splice(0));
    this.#records.delete(record.spec.task);
    this.#families.leave(record, this.#parentOf(record));
  }

  #parentOf({ spec: { parent } }: TaskRecord): TaskRecord | undefined {
    return parent === undefined ? undefined : this.#records.get(parent);
  }
}
