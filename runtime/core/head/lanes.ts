// Ordinary tasks that may run, by what they need, and the workers that are leased for them.
//
// A lane has the tasks of one placement. It asks the scheduler for one lease at a time while tasks wait; a worker that
// was granted runs task after task until none is left or its turn is over.
//
// 1. Tasks of a lane begin in the order in which they became ready, but for those given back by a worker.
// 2. A worker is sent a task ahead of time only when the function has been quick for long: what stands behind a slow
//    task in one worker could have run in another.
// 3. A lease is given back after `TURN_MS` even if tasks wait, so that other lanes get their turn.
// 4. A worker whose task waits for objects is sent nothing.
// 5. Nothing is leased before the environment of a lane is set up; when that fails, its tasks fail, and the next one
//    has it tried again.
// 6. Lanes that have neither tasks nor workers are forgotten now and then: each placement group makes one.

import type { Clock } from "../../base/index.ts";
import type { Lease, Scheduler, Ticket } from "../scheduling/index.ts";
import type { ShoalError } from "../../base/index.ts";
import type { EnvironmentData, PlacementData } from "../workers/messages.ts";
import { isOver, type TaskRecord } from "./task-record.ts";
import type { Worker } from "./worker.ts";

export interface LanesOptions {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly takeWorker: (placement: PlacementData) => Worker;
  /** Sets an environment up. Rejects with a ShoalError. */
  readonly prepare: (environment: EnvironmentData) => Promise<unknown>;
  readonly giveWorker: (worker: Worker) => void;
  readonly run: (record: TaskRecord, worker: Worker) => void;
  /** No node can ever hold such a task. */
  readonly onInfeasible: (record: TaskRecord, message: string) => void;
  /** The environment of a waiting task could not be set up. */
  readonly onUnprepared: (record: TaskRecord, error: ShoalError) => void;
}

const TURN_MS = 50;
/** Work sent ahead to one worker, by the function's slowest runs. */
const AHEAD_MS = 2;
const MAX_AHEAD = 64;
/** How fast a slow run is forgotten, per run. */
const DECAY = 0.98;
/** Fewer lanes than this are not looked through for those to forget. */
const KEPT_LANES = 256;
/** So many tasks that are over may wait in a lane for their turn. */
const KEPT_OVER = 64;

export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #byPlacement = new WeakMap<PlacementData, Lane>();
  readonly #byWorker = new WeakMap<Worker, Lane>();
  readonly #slowestMs = new Map<string, number>();
  #sweepAt = KEPT_LANES;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  push(record: TaskRecord): void {
    this.#laneOf(record.spec.placement).push(record);
  }

  /** A task in the queue is over or will not run. */
  remove(record: TaskRecord): void {
    this.#laneOf(record.spec.placement).remove(record);
  }

  /** A worker has left a task, after `ranMs` when it ran to its end. */
  onLeft(worker: Worker, record: TaskRecord, ranMs: number | undefined): void {
    if (worker.actor !== undefined) return;
    if (ranMs !== undefined) {
      const key = keyOf(record);
      this.#slowestMs.set(key, Math.max(ranMs, (this.#slowestMs.get(key) ?? AHEAD_MS) * DECAY));
    }
    this.#byWorker.get(worker)?.onLeft(worker);
  }

  /** A worker's environment could not be set up: what waits for such a worker fails (invariant 5). */
  onUnready(worker: Worker, error: ShoalError): void {
    this.#byWorker.get(worker)?.failAll(error);
  }

  onWorkerEnd(worker: Worker): void {
    this.#byWorker.get(worker)?.forget(worker);
  }

  #laneOf(placement: PlacementData): Lane {
    let lane = this.#byPlacement.get(placement);
    if (lane?.forgotten === false) return lane;
    const key = JSON.stringify(placement);
    lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(placement, {
        ...this.#options,
        // Invariant 2.
        depthOf: (record) => this.#depthOf(record),
        onTaken: (worker, own) => this.#byWorker.set(worker, own),
      });
      this.#lanes.set(key, lane);
      if (this.#lanes.size > this.#sweepAt) this.#sweep(lane);
    }
    this.#byPlacement.set(placement, lane);
    return lane;
  }

  /** Invariant 6; what is left is doubled before the next look. */
  #sweep(latest: Lane): void {
    for (const [key, lane] of this.#lanes) {
      if (lane === latest || !lane.isIdle) continue;
      lane.forgotten = true;
      this.#lanes.delete(key);
    }
    this.#sweepAt = Math.max(KEPT_LANES, 2 * this.#lanes.size);
  }

  /** One that may be its worker's last is not sent ahead. */
  #depthOf(record: TaskRecord): number {
    if (record.spec.maxCalls > 0) return 1;
    return Math.min(MAX_AHEAD, AHEAD_MS / (this.#slowestMs.get(keyOf(record)) ?? AHEAD_MS));
  }
}

function keyOf({ spec: { work } }: TaskRecord): string {
  return work.kind === "call" ? work.method : `${work.module} ${work.exportName}`;
}

interface LaneOptions extends LanesOptions {
  /** How many tasks a worker may have at once. */
  readonly depthOf: (record: TaskRecord) => number;
  readonly onTaken: (worker: Worker, lane: Lane) => void;
}

class Lane {
  readonly #placement: PlacementData;
  readonly #options: LaneOptions;
  /** From `#head` on; what stands before was taken. */
  #queue: TaskRecord[] = [];
  #head = 0;
  /** Removed tasks that may stand in the queue still. */
  #removed = 0;
  #ticket: Ticket | undefined;
  #environment: "absent" | "preparing" | "ready";
  readonly #turnEndsMs = new Map<Worker, number>();
  /** Nothing comes here any more: another lane has the placement. */
  forgotten = false;

  constructor(placement: PlacementData, options: LaneOptions) {
    this.#placement = placement;
    this.#options = options;
    this.#environment = placement.environment === undefined ? "ready" : "absent";
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** Whether nothing waits, runs or is asked for. */
  get isIdle(): boolean {
    const asks = this.#ticket !== undefined || this.#environment === "preparing";
    return this.waiting === 0 && this.#turnEndsMs.size === 0 && !asks;
  }

  push(record: TaskRecord): void {
    this.#queue.push(record);
    if (this.waiting === 1) {
      for (const worker of this.#turnEndsMs.keys()) this.feed(worker);
    }
    this.#request();
  }

  remove(record: TaskRecord): void {
    // A task that is over is passed over when its turn comes; the last ones need not wait for that. One that was
    // refused a place has left the queue already, however it still stands there.
    if (this.waiting > 0 && this.#queue.at(-1) === record) this.#queue.pop();
    else if (++this.#removed > KEPT_OVER && this.#removed * 2 > this.waiting) this.#passOver();
    if (this.waiting === 0) this.#withdraw();
  }

  /** Sends what the worker may have; the rest waits. */
  feed(worker: Worker): void {
    const turnEndsMs = this.#turnEndsMs.get(worker);
    if (turnEndsMs === undefined || worker.blocked || worker.retiring) return; // invariant 4
    if (worker.running.size > 0 && this.#options.clock.nowMs() >= turnEndsMs) return; // invariant 3
    for (let record = this.#first(); record !== undefined; record = this.#first()) {
      const depth = this.#options.depthOf(record);
      if (worker.running.size > 0 && worker.running.size + 1 > depth) break;
      this.#shift();
      this.#options.run(record, worker);
    }
    if (this.waiting === 0) this.#withdraw();
  }

  onLeft(worker: Worker): void {
    const turnEndsMs = this.#turnEndsMs.get(worker);
    if (turnEndsMs === undefined) return;
    const first = this.#first();
    const inTurn = first !== undefined && !worker.retiring && this.#options.clock.nowMs() < turnEndsMs;
    if (inTurn) {
      // Half a load at a time, so that many tasks leave in one message.
      if (worker.running.size <= this.#options.depthOf(first) / 2) this.feed(worker);
    } else if (worker.running.size === 0) {
      this.forget(worker);
      const { lease } = worker;
      worker.lease = undefined;
      worker.blocked = false; // a task that was given up may have ended while it waited
      this.#options.giveWorker(worker);
      lease?.release();
      this.#request();
    }
  }

  forget(worker: Worker): void {
    this.#turnEndsMs.delete(worker);
  }

  /** Those that wait now: what is pushed meanwhile is tried. */
  failAll(error: ShoalError): void {
    const records = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#withdraw();
    for (const record of records) if (!isOver(record)) this.#options.onUnprepared(record, error);
  }

  /** Invariant 5. */
  #prepare(environment: EnvironmentData): void {
    if (this.#environment === "preparing" || this.#first() === undefined) return;
    this.#environment = "preparing";
    this.#options.prepare(environment).then(
      () => {
        this.#environment = "ready";
        this.#request();
      },
      (error: ShoalError) => {
        this.#environment = "absent";
        this.failAll(error);
      },
    );
  }

  /** That turn may be long in coming, and thousands are cancelled: with what they hold. */
  #passOver(): void {
    this.#queue = this.#queue.slice(this.#head).filter((record) => !isOver(record));
    this.#head = 0;
    this.#removed = 0;
  }

  #first(): TaskRecord | undefined {
    for (let record = this.#queue[this.#head]; record !== undefined; record = this.#queue[this.#head]) {
      if (!isOver(record)) return record;
      this.#shift();
    }
    return undefined;
  }

  #shift(): void {
    this.#head++;
    if (this.#head < 1024 || this.#head * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #request(): void {
    const { environment } = this.#placement;
    if (this.#environment !== "ready" && environment !== undefined) {
      this.#prepare(environment);
      return;
    }
    while (this.#ticket === undefined) {
      const first = this.#first();
      if (first === undefined) return;
      let taken: Worker | undefined;
      const requested = this.#options.scheduler.request(this.#placement, {
        onGranted: (lease) => {
          taken = this.#onGranted(lease);
        },
        onLost: () => taken?.kill("its node or placement group is gone"),
        onInfeasible: (message) => this.#onInfeasible(message),
      });
      if (requested.kind === "queued") this.#ticket = requested.ticket;
      else if (requested.kind === "infeasible") {
        this.#shift();
        this.#options.onInfeasible(first, requested.message);
      }
    }
  }

  #onGranted(lease: Lease): Worker | undefined {
    const late = this.#ticket !== undefined;
    this.#ticket = undefined;
    if (this.#first() === undefined) {
      lease.release();
      return undefined;
    }
    const worker = this.#options.takeWorker(this.#placement);
    worker.lease = lease;
    worker.nodeId = lease.nodeId;
    this.#turnEndsMs.set(worker, this.#options.clock.nowMs() + TURN_MS);
    this.#options.onTaken(worker, this);
    this.feed(worker);
    if (late) this.#request();
    return worker;
  }

  #onInfeasible(message: string): void {
    this.#ticket = undefined;
    for (let record = this.#first(); record !== undefined; record = this.#first()) {
      this.#shift();
      this.#options.onInfeasible(record, message);
    }
  }

  #withdraw(): void {
    this.#ticket?.cancel();
    this.#ticket = undefined;
  }
}
