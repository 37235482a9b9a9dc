// What all gateways were asked, as one load: each tells totals since it began, here the differences are taken.
//
// 1. A gateway that is gone takes its totals along; what it told before has been counted.

import { type LoadReading, LoadTracker } from "../autoscale/index.ts";
import type { GatewayLoad } from "../routing/index.ts";

/** Since it began, but for what is `open` now. */
export type LoadTotals = Pick<
  GatewayLoad,
  "open" | "arrivedRequests" | "arrivedRows" | "endedRequests" | "missedRequests"
>;

export class LoadMeter {
  readonly #tracker = new LoadTracker();
  #seen: ReadonlyMap<unknown, LoadTotals> = new Map();

  /** Takes in what is known now, and gives what is known of all time. */
  read(loads: ReadonlyMap<unknown, LoadTotals>, nowMs: number): LoadReading {
    let open = 0;
    for (const [port, load] of loads) {
      const before = this.#seen.get(port) ?? NOTHING;
      const requests = load.arrivedRequests - before.arrivedRequests;
      if (requests > 0) this.#tracker.arrived(load.arrivedRows - before.arrivedRows, nowMs, requests);
      const ended = load.endedRequests - before.endedRequests;
      if (ended > 0) this.#tracker.ended(ended, load.missedRequests - before.missedRequests, nowMs);
      open += load.open;
    }
    this.#seen = new Map(loads); // invariant 1
    this.#tracker.ongoing(open, nowMs);
    return this.#tracker.readAt(nowMs);
  }
}

const NOTHING = { arrivedRequests: 0, arrivedRows: 0, endedRequests: 0, missedRequests: 0 };
