// What the gateways of one server have counted together, so that each can answer for all.
//
// 1. A process that has ended takes nothing back: what it counted counts on, also for a controller that comes later.

import { addSnapshots, type StatsSnapshot } from "../../controller/index.ts";

type ByKey = ReadonlyMap<string, StatsSnapshot>;

/** One that counts. */
export interface Counting {
  /** In all, by deployment. */
  readonly statistics: ByKey;
}

export class SharedStatistics {
  /** Of processes that have ended (invariant 1). */
  #past: ByKey = new Map();

  get past(): Readonly<Record<string, StatsSnapshot>> {
    return Object.fromEntries(this.#past);
  }

  /** What was counted before, as one of the processes has it. */
  recall(past: Readonly<Record<string, StatsSnapshot>>): void {
    this.#past = new Map(Object.entries(past));
  }

  ended({ statistics }: Counting): void {
    this.#past = together([this.#past, statistics]);
  }

  /** What one of them has not counted itself. */
  elsewhere(one: Counting, all: Iterable<Counting>): Readonly<Record<string, StatsSnapshot>> {
    const others = [...all].filter((other) => other !== one).map(({ statistics }) => statistics);
    return Object.fromEntries(together([this.#past, ...others]));
  }
}

function together(parts: readonly ByKey[]): ByKey {
  const sums = new Map<string, StatsSnapshot>();
  for (const part of parts) {
    for (const [key, counted] of part) {
      const before = sums.get(key);
      sums.set(key, before === undefined ? counted : addSnapshots(before, counted));
    }
  }
  return sums;
}
