// One application's traffic as the controller has it: what is wanted and remembered, and the table that follows.

import { isDeepStrictEqual } from "node:util";
import type { TrafficConfig } from "../config/index.ts";
import { planTraffic, type TrafficEvent, type TrafficMemory, type TrafficSeen } from "./plan.ts";
import type { TrafficTable } from "./table.ts";
import { tableOf } from "./table-of.ts";
import { addReports, type TrafficReport } from "./tally.ts";

export class ApplicationTraffic {
  readonly application: string;
  #table: TrafficTable;
  #config: TrafficConfig;
  #memory: TrafficMemory;
  /** Of all gateways, not planned with yet. */
  #reported: TrafficReport = { versions: {}, shadows: {} };

  /** `memory` is what to go on from. */
  constructor(
    application: string,
    config: TrafficConfig,
    { memory, ...seen }: Omit<TrafficSeen, "report"> & { readonly memory: TrafficMemory },
  ) {
    this.application = application;
    this.#config = config;
    this.#memory = planTraffic(config, memory, { ...seen, report: this.#reported });
    this.#table = tableOf(config, this.#memory, { application, revision: 1 });
  }

  /** What gateways go by. */
  get table(): TrafficTable {
    return this.#table;
  }

  get config(): TrafficConfig {
    return this.#config;
  }

  get memory(): TrafficMemory {
    return this.#memory;
  }

  /** A canary is under way: time and counts matter, not only what becomes of replicas. */
  get isMoving(): boolean {
    return this.#memory.canary?.kind === "STEPPING";
  }

  /** What a gateway counted since it last told. */
  report(report: TrafficReport): void {
    this.#reported = addReports(this.#reported, report);
  }

  /** Plans with all that was counted; gives what is new in the history. */
  plan(config: TrafficConfig, seen: Omit<TrafficSeen, "report">): readonly TrafficEvent[] {
    const before = this.#memory;
    const report = this.#reported;
    this.#reported = { versions: {}, shadows: {} };
    this.#config = config;
    this.#memory = planTraffic(config, before, { ...seen, report });
    const { application, revision } = this.#table;
    const next = tableOf(config, this.#memory, { application, revision });
    if (!isDeepStrictEqual(next, this.#table)) this.#table = { ...next, revision: revision + 1 };
    return this.#memory.history.filter((event) => !before.history.includes(event));
  }
}
