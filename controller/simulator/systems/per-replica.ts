// A queue and a batcher per replica, behind a balancer: Triton or BentoML in a fleet. What was sent to a replica stays
// there; with no replica, requests wait at the balancer.

import type { SimulatedReplica } from "../plant/simulated-replica.ts";
import { type Balancer, leastQueue } from "./balancers.ts";
import type { BatchRule } from "./batch-rule.ts";
import {
  NOTHING_LEARNT,
  type ServingSystem,
  type SimulatedRequest,
  type SystemMaker,
  type SystemOptions,
} from "./serving-system.ts";
import { StationSet } from "./station-set.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface PerReplicaOptions {
  /** Makes the batcher of one replica. */
  readonly rule: (options: SystemOptions) => BatchRule;
  /** Default the shortest queue. */
  readonly balancer?: Balancer;
}

export function perReplica(name: string, options: PerReplicaOptions): SystemMaker {
  return { name, make: (system) => new PerReplicaSystem(system, options) };
}

class PerReplicaSystem implements ServingSystem {
  readonly service = NOTHING_LEARNT;
  readonly #options: SystemOptions;
  readonly #balancer: Balancer;
  readonly #unsent = new WaitingLine();
  readonly #stations: StationSet;

  constructor(options: SystemOptions, { rule, balancer = leastQueue }: PerReplicaOptions) {
    this.#options = options;
    this.#balancer = balancer;
    this.#stations = new StationSet(options, rule);
  }

  get queued(): number {
    return this.#unsent.length + this.#stations.queued;
  }

  submit(request: SimulatedRequest): void {
    const { time, random } = this.#options;
    const station = this.#balancer(this.#stations.active, random);
    (station?.line ?? this.#unsent).push(request, time.nowMs());
    station?.poke();
  }

  abandon(request: SimulatedRequest): void {
    request.line?.leave(request);
  }

  addReplica(replica: SimulatedReplica): void {
    this.#stations.add(replica);
    for (const request of this.#unsent.take(this.#unsent.length)) this.submit(request);
  }

  retireReplica(replica: SimulatedReplica, gone: () => void): void {
    this.#stations.retire(replica, gone);
  }

  loseReplica(replica: SimulatedReplica): void {
    this.#stations.lose(replica);
  }
}
