// Keeps outliers among the replicas out of use for a while, by what their batches came to. What is an outlier, how long and
// how many is decided by `outliers.ts`; here is the memory, the timer, and who is told.
//
// 1. A replica that comes back begins with no results: what it did before is in the number of its ejections.
// 2. Without a policy nothing is counted and nobody is out.

import type { Clock, Timer } from "../../runtime/base/index.ts";
import { Conduct, Tally } from "./conduct.ts";
import {
  comingBack,
  ejectionMs,
  isForgiven,
  mayEject,
  outlierReason,
  type OutlierPolicy,
  type Result,
} from "./outliers.ts";
import type { Slot } from "./slot.ts";
import type { SlotPool } from "./slot-pool.ts";

/** A replica gets no batch for a while. */
export interface Ejection {
  readonly replicaId: string;
  /** Counts its ejections from 1, those that were forgiven apart. */
  readonly times: number;
  readonly forMs: number;
  /** For people. */
  readonly reason: string;
}

/** How one that was ejected before stands now. */
export interface OutlierCount {
  readonly replicaId: string;
  readonly times: number;
  readonly ejected: boolean;
  /** Of the last ejection. */
  readonly reason: string;
}

export interface EjectorOptions {
  readonly pool: SlotPool;
  readonly clock: Clock;
  readonly policy: () => OutlierPolicy | undefined;
  readonly onEjected: ((ejection: Ejection) => void) | undefined;
  /** A replica may be used again. */
  readonly onBack: () => void;
}

/** What is known of a replica. */
interface Known {
  readonly slot: Slot;
  conduct: Conduct;
  times: number;
  reason: string;
  /** When its last ejection ends or ended. */
  untilMs: number;
}

export class Ejector {
  readonly #options: EjectorOptions;
  readonly #known = new Map<Slot, Known>();
  readonly #all = new Tally();
  #ejected: readonly Known[] = [];
  #timer: Timer | undefined;

  constructor(options: EjectorOptions) {
    this.#options = options;
  }

  /** Those that are out, and those that were and are not forgiven. */
  counts(): OutlierCount[] {
    return [...this.#known.values()].flatMap(({ slot, times, reason }) =>
      times === 0 ? [] : [{ replicaId: slot.link.id, times, ejected: slot.ejected, reason }],
    );
  }

  /** What a batch of the replica came to. */
  note(slot: Slot, result: Result): void {
    const { policy, pool, clock } = this.#options;
    const rules = policy();
    if (rules === undefined || !pool.has(slot)) return; // invariant 2
    const nowMs = clock.nowMs();
    const known = this.#of(slot);
    known.conduct.add(result, nowMs);
    this.#all.add(result, nowMs);
    if (slot.ejected) return;
    const { row, tally } = known.conduct;
    if (result === "good") {
      if (known.times > 0 && isForgiven(row, nowMs - known.untilMs, rules)) known.times = 0;
      return;
    }
    const results = { own: tally.at(nowMs), others: this.#all.without(tally, nowMs) };
    const reason = outlierReason(row, results, rules);
    if (reason !== undefined) this.#eject(known, reason, rules);
  }

  /** The replicas or their number changed, or the policy: whoever may no longer be out comes back. */
  review(): void {
    if (this.#ejected.length === 0) return;
    const before = this.#ejected.length;
    for (let back = this.#due(); back.length > 0; back = this.#due()) {
      for (const known of back) this.#return(known); // one that is lost besides does not help: another comes too
    }
    this.#arm();
    if (this.#ejected.length < before) this.#options.onBack();
  }

  /** The replica is gone. */
  forget(slot: Slot): void {
    const known = this.#known.get(slot);
    if (known === undefined) return;
    this.#known.delete(slot);
    this.#all.subtract(known.conduct.tally, this.#options.clock.nowMs());
    this.#ejected = this.#ejected.filter((one) => one !== known);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #due(): readonly Known[] {
    const { policy, pool, clock } = this.#options;
    const rules = policy();
    const { size, usable } = pool;
    if (rules === undefined || this.#ejected.length === 0) return this.#ejected;
    return comingBack(this.#ejected, { size, usable, nowMs: clock.nowMs() }, rules);
  }

  #of(slot: Slot): Known {
    let known = this.#known.get(slot);
    if (known === undefined) {
      known = { slot, conduct: new Conduct(), times: 0, reason: "", untilMs: Number.NEGATIVE_INFINITY };
      this.#known.set(slot, known);
    }
    return known;
  }

  #eject(known: Known, reason: string, rules: OutlierPolicy): void {
    const { pool, clock, onEjected } = this.#options;
    const { slot } = known;
    const left = pool.usable - Number(!slot.lost);
    if (!mayEject({ size: pool.size, ejected: this.#ejected.length, left }, rules)) return;
    known.times++;
    known.reason = reason;
    const forMs = ejectionMs(known.times, rules);
    known.untilMs = clock.nowMs() + forMs;
    pool.setEjected(slot, true);
    this.#ejected = [...this.#ejected, known];
    this.#arm();
    onEjected?.({ replicaId: slot.link.id, times: known.times, forMs, reason });
  }

  #return(known: Known): void {
    this.#ejected = this.#ejected.filter((one) => one !== known);
    const nowMs = this.#options.clock.nowMs();
    this.#all.subtract(known.conduct.tally, nowMs);
    known.conduct = new Conduct(); // invariant 1
    known.untilMs = nowMs;
    this.#options.pool.setEjected(known.slot, false);
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#ejected.length === 0) return;
    const { clock } = this.#options;
    const nextMs = Math.min(...this.#ejected.map(({ untilMs }) => untilMs));
    this.#timer = clock.timer(Math.max(0, nextMs - clock.nowMs()), () => this.review());
  }
}
