// Records what became of each attempt of a task, cheaply enough to stay on: lists, summaries and the timeline
// read it. Nothing decides by it.
//
// 1. Bounded: at most `capacity` attempts are kept. For a new one the attempt that ended first is evicted, and one
//    that has not ended only when none has.
// 2. Everything dropped is counted. What is told of an evicted attempt changes no other.
// 3. An end is final: what is told afterwards is dropped.
// 4. Nothing is looked up by name while recording: a handle says the slot.

import { type Clock, ShoalError } from "../../base/index.ts";
import type { TaskRow } from "./rows.ts";
import { SlotLists } from "./slot-lists.ts";
import { TASK_STATES, type TaskError, type TaskInfo, type TaskPlace, type TaskState } from "./task-states.ts";

/** Names one recorded attempt; worth nothing to another `TaskEvents`. */
export type TaskHandle = number;

/** The handle of an attempt that is not recorded: everything told of it is ignored. */
export const NOT_RECORDED: TaskHandle = -1;

export interface TaskEventsOptions {
  readonly clock: Pick<Clock, "nowMs" | "epochMs">;
  /** Attempts kept. Default 100,000, as Ray. */
  readonly capacity?: number;
  /** `enableTaskEvents` of the runtime. Default true; false records nothing and costs a comparison. */
  readonly enabled?: boolean;
}

export interface TaskEventsStats {
  readonly recorded: number;
  readonly kept: number;
  readonly evicted: number;
  /** Of the evicted, those that had not ended. */
  readonly evictedUnended: number;
  /** Events of attempts that had ended or were evicted. */
  readonly droppedEvents: number;
}

/** One attempt, but for its times: those are numbers and lie in a typed array. */
interface Attempt {
  readonly taskId: string;
  readonly type: TaskInfo["type"];
  readonly functionName: string;
  readonly name: string;
  readonly parentTaskId: string | undefined;
  readonly actorId: string | undefined;
  readonly attempt: number;
  readonly resources: TaskInfo["resources"];
  readonly sequence: number;
  place: TaskPlace | undefined;
  state: TaskState;
  error: TaskError | undefined;
}

const DEFAULT_CAPACITY = 100_000;
const MAX_NAME_CHARS = 200;
const MAX_ERROR_CHARS = 1_000;

const UNENDED = 0;
const ENDED = 1;

const STATE_COUNT = TASK_STATES.length;
const STATE_INDEX: Readonly<Record<TaskState, number>> = {
  PENDING_ARGS_AVAIL: 0,
  PENDING_NODE_ASSIGNMENT: 1,
  SUBMITTED_TO_WORKER: 2,
  RUNNING: 3,
  FINISHED: 4,
  FAILED: 5,
};

export class TaskEvents {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #enabled: boolean;
  readonly #capacity: number;
  /** What to add to `nowMs` for milliseconds since the epoch, with a fraction. */
  readonly #epochOffsetMs: number;
  readonly #attempts: Attempt[] = [];
  /** When each state was entered, a row of `STATE_COUNT` a slot; 0 is never. Epoch milliseconds. */
  readonly #timesMs: Float64Array;
  /** How often a slot was taken again: part of the handle, so that an old one is told from a new one. */
  readonly #generations: Uint32Array;
  readonly #lists: SlotLists;
  #recorded = 0;
  #evicted = 0;
  #evictedUnended = 0;
  #droppedEvents = 0;
  #lastError: TaskError | undefined;

  /** Throws INVALID_ARGUMENT on a capacity that is no whole number from 1 to 10,000,000. */
  constructor({ clock, capacity = DEFAULT_CAPACITY, enabled = true }: TaskEventsOptions) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > 10_000_000) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot keep events of ${capacity} tasks: wanted a whole number from 1 to 10000000`,
      );
    }
    this.#clock = clock;
    this.#enabled = enabled;
    this.#capacity = enabled ? capacity : 0;
    this.#epochOffsetMs = clock.epochMs() - clock.nowMs();
    this.#timesMs = new Float64Array(this.#capacity * STATE_COUNT);
    this.#generations = new Uint32Array(this.#capacity);
    this.#lists = new SlotLists(this.#capacity, 2);
  }

  /** The time now as it is recorded: epoch milliseconds with a fraction. */
  nowEpochMs(): number {
    return this.#epochOffsetMs + this.#clock.nowMs();
  }

  /** Records a new attempt and its first state; `atMs` as in `enter`. */
  begin(
    info: TaskInfo,
    state: "PENDING_ARGS_AVAIL" | "PENDING_NODE_ASSIGNMENT",
    atMs = this.nowEpochMs(),
  ): TaskHandle {
    if (!this.#enabled) return NOT_RECORDED;
    const slot = this.#takeSlot();
    const { functionName, name = functionName } = info;
    this.#attempts[slot] = {
      taskId: info.taskId,
      type: info.type,
      functionName: cut(functionName, MAX_NAME_CHARS),
      name: cut(name, MAX_NAME_CHARS),
      parentTaskId: info.parentTaskId,
      actorId: info.actorId,
      attempt: info.attempt,
      resources: info.resources,
      sequence: this.#recorded++,
      place: undefined,
      state,
      error: undefined,
    };
    const from = slot * STATE_COUNT;
    this.#timesMs.fill(0, from, from + STATE_COUNT);
    this.#timesMs[from + STATE_INDEX[state]] = atMs;
    this.#lists.append(UNENDED, slot);
    return (this.#generations[slot] ?? 0) * this.#capacity + slot;
  }

  /**
   * The attempt entered `state`. `atMs` is when, in epoch milliseconds, for what a worker tells later; default now.
   * A state may be entered again: its time is that of the last.
   */
  enter(handle: TaskHandle, state: "PENDING_NODE_ASSIGNMENT" | "RUNNING", atMs = this.nowEpochMs()): void {
    this.#unended(handle, state, atMs);
  }

  /** The attempt went to a worker: SUBMITTED_TO_WORKER. */
  place(handle: TaskHandle, place: TaskPlace, atMs = this.nowEpochMs()): void {
    const attempt = this.#unended(handle, "SUBMITTED_TO_WORKER", atMs);
    if (attempt !== undefined) attempt.place = place;
  }

  /** The attempt ended well: FINISHED (invariant 3). */
  finish(handle: TaskHandle, atMs = this.nowEpochMs()): void {
    if (this.#unended(handle, "FINISHED", atMs) !== undefined) this.#end(handle);
  }

  /** The attempt FAILED, whether or not another follows. The message is kept up to 1,000 characters. */
  fail(handle: TaskHandle, error: TaskError, atMs = this.nowEpochMs()): void {
    const attempt = this.#unended(handle, "FAILED", atMs);
    if (attempt === undefined) return;
    const kept = { type: cut(error.type, MAX_NAME_CHARS), message: cut(error.message, MAX_ERROR_CHARS) };
    // What fails 100,000 times mostly fails in one way: one text then serves all.
    const same = kept.message === this.#lastError?.message && kept.type === this.#lastError.type;
    attempt.error = same ? this.#lastError : kept;
    this.#lastError = attempt.error;
    this.#end(handle);
  }

  /** What is kept of one attempt; undefined when it was evicted or never recorded. */
  row(handle: TaskHandle): TaskRow | undefined {
    const attempt = this.#find(handle);
    return attempt && rowOf(attempt, this.#timesOf(handle % this.#capacity));
  }

  /**
   * All attempts kept, in the order in which they began. Rows are made as they are asked for; an attempt that is
   * evicted meanwhile is left out.
   */
  *rows(): Generator<TaskRow, void, undefined> {
    const handles = this.#attempts
      .map(({ sequence }, slot) => ({
        sequence,
        handle: (this.#generations[slot] ?? 0) * this.#capacity + slot,
      }))
      .sort((left, right) => left.sequence - right.sequence);
    for (const { handle } of handles) {
      const row = this.row(handle);
      if (row !== undefined) yield row;
    }
  }

  stats(): TaskEventsStats {
    return {
      recorded: this.#recorded,
      kept: this.#attempts.length,
      evicted: this.#evicted,
      evictedUnended: this.#evictedUnended,
      droppedEvents: this.#droppedEvents,
    };
  }

  /** Invariant 1: a slot never used, else that of the attempt to be evicted. */
  #takeSlot(): number {
    if (this.#attempts.length < this.#capacity) return this.#attempts.length;
    let slot = this.#lists.first(ENDED);
    if (slot === -1) {
      slot = this.#lists.first(UNENDED);
      this.#evictedUnended++;
    }
    this.#evicted++;
    this.#lists.remove(slot);
    this.#generations[slot] = (this.#generations[slot] ?? 0) + 1;
    return slot;
  }

  #find(handle: TaskHandle): Attempt | undefined {
    if (handle === NOT_RECORDED || !this.#enabled) return undefined;
    const slot = handle % this.#capacity;
    return this.#generations[slot] === (handle - slot) / this.#capacity ? this.#attempts[slot] : undefined;
  }

  /** The attempt, with `state` entered; undefined when it may enter none any more (invariants 2 and 3). */
  #unended(handle: TaskHandle, state: TaskState, atMs: number): Attempt | undefined {
    if (handle === NOT_RECORDED) return undefined;
    const attempt = this.#find(handle);
    if (attempt === undefined || attempt.state === "FINISHED" || attempt.state === "FAILED") {
      this.#droppedEvents++;
      return undefined;
    }
    attempt.state = state;
    this.#timesMs[(handle % this.#capacity) * STATE_COUNT + STATE_INDEX[state]] = atMs;
    return attempt;
  }

  #end(handle: TaskHandle): void {
    const slot = handle % this.#capacity;
    this.#lists.remove(slot);
    this.#lists.append(ENDED, slot);
  }

  #timesOf(slot: number): Float64Array {
    return this.#timesMs.subarray(slot * STATE_COUNT, (slot + 1) * STATE_COUNT);
  }
}

function rowOf(attempt: Attempt, timesMs: Float64Array): TaskRow {
  const events = TASK_STATES.map((state, index) => ({ state, atMs: timesMs[index] ?? 0 }))
    .filter(({ atMs }) => atMs > 0)
    .sort((left, right) => left.atMs - right.atMs);
  const at = (state: TaskState): number | null => timesMs[STATE_INDEX[state]] || null;
  return {
    taskId: attempt.taskId,
    attemptNumber: attempt.attempt,
    name: attempt.name,
    functionName: attempt.functionName,
    state: attempt.state,
    type: attempt.type,
    parentTaskId: attempt.parentTaskId ?? null,
    actorId: attempt.actorId ?? null,
    nodeId: attempt.place?.nodeId ?? null,
    workerId: attempt.place?.workerId ?? null,
    workerPid: attempt.place?.pid ?? null,
    requiredResources: attempt.resources,
    errorType: attempt.error?.type ?? null,
    errorMessage: attempt.error?.message ?? null,
    creationTimeMs: events[0]?.atMs ?? 0,
    startTimeMs: at("RUNNING"),
    endTimeMs: at("FINISHED") ?? at("FAILED"),
    events,
  };
}

/** The text up to a length. A plain slice would keep all of what it was cut from alive. */
function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${Buffer.from(text.slice(0, maxChars)).toString()}…`;
}
