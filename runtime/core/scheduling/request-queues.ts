// What waits for resources, by what it wants: requests of one placement are a queue.
//
// 1. A queue in which nothing waits is forgotten now and then: each placement group has queues of its own.

import type { PlacementData } from "../workers/messages.ts";
import type { Units } from "./pool.ts";
import { unitsOf } from "./resources.ts";

/** In a queue; its sequence says who came first of all. */
export interface Queued {
  readonly sequence: number;
}

export interface RequestQueue<T extends Queued> {
  readonly placement: PlacementData;
  readonly units: Units;
  readonly waiting: T[];
  /** Another one has the placement, or will. */
  forgotten: boolean;
}

/** Fewer queues than this are not looked through for those to forget. */
const KEPT = 256;

export class RequestQueues<T extends Queued> {
  readonly #queues = new Map<string, RequestQueue<T>>();
  readonly #byPlacement = new WeakMap<PlacementData, RequestQueue<T>>();
  #sweepAt = KEPT;

  /** Throws INVALID_ARGUMENT on amounts that cannot be accounted. */
  of(placement: PlacementData): RequestQueue<T> {
    let queue = this.#byPlacement.get(placement);
    if (queue?.forgotten === false) return queue;
    const key = JSON.stringify(placement);
    queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { placement, units: unitsOf(placement.resources), waiting: [], forgotten: false };
      if (this.#queues.size >= this.#sweepAt) this.#sweep();
      this.#queues.set(key, queue);
    }
    this.#byPlacement.set(placement, queue);
    return queue;
  }

  /** Those in which something waits, by who came first in each. */
  byHead(): RequestQueue<T>[] {
    return [...this.#queues.values()]
      .filter(({ waiting }) => waiting.length > 0)
      .sort((a, b) => (a.waiting[0]?.sequence ?? 0) - (b.waiting[0]?.sequence ?? 0));
  }

  /** Invariant 1. */
  #sweep(): void {
    for (const [key, queue] of this.#queues) {
      if (queue.waiting.length > 0) continue;
      queue.forgotten = true;
      this.#queues.delete(key);
    }
    this.#sweepAt = Math.max(KEPT, 2 * this.#queues.size);
  }
}
