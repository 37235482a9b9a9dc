// What a gateway process holds of one application's traffic: the table of the moment, ready to choose by, and the
// counts. The object stays while tables come and go; requests under way count where they began.

import { isDeepStrictEqual } from "node:util";
import { Chooser } from "./chooser.ts";
import { Meter } from "./meter.ts";
import type { TrafficTable } from "./table.ts";

export class TrafficRouter {
  #table: TrafficTable;
  #chooser: Chooser;
  #meter: Meter;

  constructor(table: TrafficTable) {
    this.#table = table;
    this.#chooser = new Chooser(table);
    this.#meter = new Meter(table);
  }

  get table(): TrafficTable {
    return this.#table;
  }

  get chooser(): Chooser {
    return this.#chooser;
  }

  /** Of the versions of the table; another list of them begins another one. */
  get meter(): Meter {
    return this.#meter;
  }

  /** Goes by this table from now on. */
  adopt(table: TrafficTable): void {
    if (table === this.#table || isDeepStrictEqual(table, this.#table)) return;
    const names = (of: TrafficTable): string[] => of.versions.map(({ deployment }) => deployment);
    if (!isDeepStrictEqual(names(table), names(this.#table))) this.#meter = new Meter(table);
    this.#table = table;
    this.#chooser = new Chooser(table);
  }
}
