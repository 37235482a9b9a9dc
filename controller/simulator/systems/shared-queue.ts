// One queue, from which every free replica takes what its own batcher allows: Clipper's model queue, or Triton with all
// replicas as instances of one server.

import type { SimulatedReplica } from "../plant/simulated-replica.ts";
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

/** `rule` makes the batcher of one replica. */
export function sharedQueue(name: string, rule: (options: SystemOptions) => BatchRule): SystemMaker {
  return { name, make: (system) => new SharedQueueSystem(system, rule) };
}

class SharedQueueSystem implements ServingSystem {
  readonly service = NOTHING_LEARNT;
  readonly #options: SystemOptions;
  readonly #line = new WaitingLine();
  readonly #stations: StationSet;

  constructor(options: SystemOptions, rule: (options: SystemOptions) => BatchRule) {
    this.#options = options;
    this.#stations = new StationSet(options, rule, this.#line);
  }

  get queued(): number {
    return this.#line.length;
  }

  submit(request: SimulatedRequest): void {
    this.#line.push(request, this.#options.time.nowMs());
    for (const station of this.#stations.active) {
      if (this.#line.length === 0) return;
      if (!station.busy) station.poke();
    }
  }

  abandon(request: SimulatedRequest): void {
    request.line?.leave(request);
  }

  addReplica(replica: SimulatedReplica): void {
    this.#stations.add(replica).poke();
  }

  retireReplica(replica: SimulatedReplica, gone: () => void): void {
    this.#stations.retire(replica, gone);
  }

  loseReplica(replica: SimulatedReplica): void {
    this.#stations.lose(replica);
  }
}
