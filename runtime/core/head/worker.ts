// A worker as the head has it: its process, what runs on it, what it holds, and what it says.
//
// 1. A lease is released when the worker says that its tasks are over, or ends: not before, since the work goes on until
//    then.
// 2. A retired worker ends, also when what its tasks left behind keeps it from that.

import type { Clock, Timer } from "../../base/index.ts";
import type { CancelOptions } from "../api/core.ts";
import type { Lease } from "../scheduling/index.ts";
import type { Id, ToWorker } from "../workers/messages.ts";
import type { Probed } from "../stacks/stack-probe.ts";
import type { WorkerProcess } from "../workers/worker-process.ts";
import type { TaskRecord } from "./task-record.ts";

interface Running {
  readonly record: TaskRecord;
  killTimer: Timer | undefined;
}

export interface Abandoning extends CancelOptions {
  readonly killAfterMs: number | undefined;
  readonly why: string;
}

/** Ray's pause between its first and its last signal to a worker. */
const RETIRE_MS = 5_000;

type OnLeft = (worker: Worker, record: TaskRecord, ranMs: number | undefined) => void;

export class Worker {
  readonly environment: string;
  /** Tasks and calls that were sent, in that order; of ordinary tasks the first one runs and the others wait. */
  readonly running = new Map<Id, Running>();
  /** Objects the process has references to. */
  readonly held = new Set<Id>();
  /** Whether it has come to take tasks. */
  isReady = false;
  /** What its ordinary tasks run on. */
  lease: Lease | undefined;
  /** Whether its running task waits for objects, and its CPUs are lent. */
  blocked = false;
  /** Where its lease is. */
  nodeId = "";
  /** The actor that lives here. */
  actor: Id | undefined;
  /** Why the head killed it, for the error of its tasks. */
  killedFor: string | undefined;
  /** Whether it was killed for want of memory. */
  killedCode: "OUT_OF_MEMORY" | undefined;
  /** When the task that runs can have begun. */
  turnMs = 0;
  readonly #process: WorkerProcess;
  readonly #clock: Clock;
  readonly #onLeft: OnLeft;
  readonly #gone = Promise.withResolvers<void>();
  /** Ended tasks of functions that have `maxCalls`, by module and name. */
  readonly #calls = new Map<string, number>();
  #worn = false;
  #retiring = false;
  #retireTimer: Timer | undefined;

  constructor(process: WorkerProcess, onLeft: OnLeft, clock: Clock) {
    this.#process = process;
    this.#onLeft = onLeft;
    this.#clock = clock;
    this.environment = process.environment;
  }

  get index(): number {
    return this.#process.index;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get startedEpochMs(): number {
    return this.#process.startedEpochMs;
  }

  /** Sent to it and not read yet, beyond what the system keeps. */
  get unwrittenBytes(): number {
    return this.#process.unwrittenBytes;
  }

  /** Resolves when the process is gone and everything of it was dealt with. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  send(message: ToWorker, parts?: readonly Uint8Array[]): void {
    this.#process.send(message, parts);
  }

  /** Where its process stands; never rejects. */
  stack(timeoutMs: number): Promise<Probed> {
    return this.#process.stack(timeoutMs);
  }

  /** It gets nothing more: it ends, or does so when it is given back, since a function it ran wants a fresh process. */
  get retiring(): boolean {
    return this.#retiring || this.#worn;
  }

  begin(record: TaskRecord): void {
    if (this.running.size === 0) this.turnMs = this.#clock.nowMs();
    this.running.set(record.spec.task, { record, killTimer: undefined });
  }

  /** The task is over here (invariant 1), or was given back unbegun; undefined when it was not here. */
  leave(task: Id, begun = true): TaskRecord | undefined {
    const running = this.running.get(task);
    if (running === undefined) return undefined;
    this.running.delete(task);
    running.killTimer?.cancel();
    const nowMs = this.#clock.nowMs();
    if (begun) this.#count(running.record);
    this.#onLeft(this, running.record, begun ? nowMs - this.turnMs : undefined);
    if (begun) this.turnMs = nowMs;
    return running.record;
  }

  #count({ spec: { work, maxCalls } }: TaskRecord): void {
    if (maxCalls === 0 || work.kind !== "task") return;
    const name = `${work.module} ${work.exportName}`;
    const calls = (this.#calls.get(name) ?? 0) + 1;
    this.#calls.set(name, calls);
    if (calls >= maxCalls) this.#worn = true;
  }

  /** Nobody waits for the task any more: it is asked to stop, and killed with its worker when `killAfterMs` pass. */
  abandonTask(task: Id, { killAfterMs, why, ...options }: Abandoning): void {
    const running = this.running.get(task);
    if (running === undefined) return;
    this.send({ type: "cancel", task, ...options });
    const [first] = this.running.keys();
    if (first !== task && this.actor === undefined) return; // it waits behind another, who must not suffer for it
    if (killAfterMs === 0) this.kill(why);
    else if (killAfterMs !== undefined) {
      running.killTimer ??= this.#clock.timer(killAfterMs, () => this.kill(why));
    }
  }

  /** SIGKILL; its tasks end by the end of the process. */
  kill(why: string, code?: "OUT_OF_MEMORY"): void {
    this.killedFor ??= why;
    this.killedCode ??= code;
    this.#process.signal("SIGKILL");
  }

  /** Lets what runs come to its end, and then the process; when that is too late is the caller's to say. */
  stop(): void {
    this.#retiring = true;
    this.send({ type: "stop" });
  }

  /** Ends an idle worker (invariant 2). */
  retire(): void {
    this.stop();
    this.#retireTimer ??= this.#clock.timer(RETIRE_MS, () => this.kill("it did not end when it was retired"));
  }

  /** The process is gone: its leases are back (invariant 1). Returns what ran. */
  end(): TaskRecord[] {
    const records = [...this.running.values()].map(({ record, killTimer }) => {
      killTimer?.cancel();
      return record;
    });
    this.#retireTimer?.cancel();
    this.running.clear();
    this.lease?.release();
    this.lease = undefined;
    this.#gone.resolve();
    return records;
  }
}
