// The stations of a system: they join, are asked to leave and do so when they have nothing left, or die with what they have.

import type { SimulatedReplica } from "../plant/simulated-replica.ts";
import type { BatchRule } from "./batch-rule.ts";
import type { SystemOptions } from "./serving-system.ts";
import { Station } from "./station.ts";
import { WaitingLine } from "./waiting-line.ts";

export class StationSet {
  /** Those that take work. */
  readonly active: Station[] = [];
  readonly #options: SystemOptions;
  readonly #rule: (options: SystemOptions) => BatchRule;
  readonly #shared: WaitingLine | undefined;
  readonly #leaving = new Map<Station, () => void>();

  /** With a `shared` line all take from that; else each has its own. */
  constructor(options: SystemOptions, rule: (options: SystemOptions) => BatchRule, shared?: WaitingLine) {
    this.#options = options;
    this.#rule = rule;
    this.#shared = shared;
  }

  /** Requests in lines of their own. */
  get queued(): number {
    if (this.#shared !== undefined) return 0;
    const all = [...this.active, ...this.#leaving.keys()];
    return all.reduce((sum, { line }) => sum + line.length, 0);
  }

  add(replica: SimulatedReplica): Station {
    const station: Station = new Station(replica, {
      line: this.#shared ?? new WaitingLine(),
      rule: this.#rule(this.#options),
      options: this.#options,
      returned: () => this.#leave(station),
    });
    this.active.push(station);
    return station;
  }

  /** Takes no more work; `gone` when it has none. */
  retire(replica: SimulatedReplica, gone: () => void): void {
    const station = this.#remove(replica);
    if (station === undefined) return;
    if (this.#shared !== undefined) station.stop();
    this.#leaving.set(station, gone);
    this.#leave(station);
  }

  /** It died; what waits in its own line is lost. */
  lose(replica: SimulatedReplica): void {
    const station = this.#remove(replica);
    station?.stop();
    if (station === undefined || this.#shared !== undefined) return;
    for (const request of station.line.take(station.line.length)) {
      this.#options.unanswered(request, "failed");
    }
  }

  #remove(replica: SimulatedReplica): Station | undefined {
    const index = this.active.findIndex((station) => station.replica === replica);
    return index < 0 ? undefined : this.active.splice(index, 1)[0];
  }

  #leave(station: Station): void {
    const gone = this.#leaving.get(station);
    if (gone === undefined || station.busy) return;
    if (this.#shared === undefined && station.line.length > 0) return;
    this.#leaving.delete(station);
    station.stop();
    gone();
  }
}
