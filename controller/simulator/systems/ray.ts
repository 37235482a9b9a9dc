// Ray Serve's request path (ray 00590c4): a router with power-of-two choices in front of replicas that batch by themselves.
// Stock settings or others.
//
// 1. A replica takes at most `maxOngoing` requests; the rest waits at the router, in order.
// 2. Up to two routing tasks per replica look for room: each draws two replicas, takes the shorter queue if there is room,
//    and else backs off 0, 25, 50, 100, 200, 400, 500, 500 … ms. Nothing wakes it when there is room.
// 3. `@serve.batch` runs in the replica: one batch at a time, full or after a wait that begins when the replica is free.
//
// Kinder than the real one: queue lengths are exact and probes take no time.

import type { SimulatedReplica } from "../plant/simulated-replica.ts";
import { powerOfTwo } from "./balancers.ts";
import { FixedBatchRule } from "./batch-rule.ts";
import {
  NOTHING_LEARNT,
  type ServingSystem,
  type SimulatedRequest,
  type SystemMaker,
  type SystemOptions,
} from "./serving-system.ts";
import { StationSet } from "./station-set.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface RayOptions {
  /** `max_ongoing_requests`. Default 5. */
  readonly maxOngoing?: number;
  /** `max_batch_size`. Default 10. */
  readonly maxBatch?: number;
  /** `batch_wait_timeout_s`, in milliseconds. Default 10. */
  readonly waitMs?: number;
}

const TASKS_PER_REPLICA = 2;
const FIRST_BACKOFF_MS = 25;
const LONGEST_BACKOFF_MS = 500;

export function ray(options: RayOptions = {}, name = "ray"): SystemMaker {
  return { name, make: (system) => new RaySystem(system, options) };
}

class RaySystem implements ServingSystem {
  readonly service = NOTHING_LEARNT;
  readonly #options: SystemOptions;
  readonly #maxOngoing: number;
  readonly #waiting = new WaitingLine();
  readonly #stations: StationSet;
  #tasks = 0;

  constructor(options: SystemOptions, { maxOngoing = 5, maxBatch = 10, waitMs = 10 }: RayOptions) {
    this.#options = options;
    this.#maxOngoing = maxOngoing;
    const rule = (): FixedBatchRule => new FixedBatchRule({ maxBatch, waitMs, countFrom: "free" });
    this.#stations = new StationSet(options, rule); // invariant 3
  }

  get queued(): number {
    return this.#waiting.length + this.#stations.queued;
  }

  submit(request: SimulatedRequest): void {
    this.#waiting.push(request, this.#options.time.nowMs());
    this.#startTasks();
  }

  abandon(request: SimulatedRequest): void {
    request.line?.leave(request);
  }

  addReplica(replica: SimulatedReplica): void {
    this.#stations.add(replica);
    this.#startTasks();
  }

  retireReplica(replica: SimulatedReplica, gone: () => void): void {
    this.#stations.retire(replica, gone);
  }

  loseReplica(replica: SimulatedReplica): void {
    this.#stations.lose(replica);
  }

  #startTasks(): void {
    const most = TASKS_PER_REPLICA * this.#stations.active.length;
    while (this.#tasks < Math.min(this.#waiting.length, most)) {
      this.#tasks++;
      this.#route(0);
    }
  }

  /** A routing task from its so manieth attempt on (invariant 2). */
  #route(attempts: number): void {
    const { time, random } = this.#options;
    let tries = attempts;
    while (this.#waiting.length > 0 && this.#stations.active.length > 0) {
      const station = powerOfTwo(this.#stations.active, random);
      if (station !== undefined && station.ongoing < this.#maxOngoing) {
        const [request] = this.#waiting.take(1);
        if (request === undefined) break;
        station.line.push(request, time.nowMs()); // invariant 1
        station.poke();
        tries = 0; // the next request begins anew
        continue;
      }
      tries++;
      if (tries === 1) continue; // the first backoff is none
      const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (tries - 2));
      time.timer(backoffMs, () => this.#route(tries));
      return;
    }
    this.#tasks--;
  }
}
