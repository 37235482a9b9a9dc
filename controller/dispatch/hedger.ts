// A second copy of a request that takes longer than it should, at another replica; the first answer counts. Off by default.
//
// 1. Only requests that may run twice, that travel alone, and whose replica is the exception: a fifth of the replicas must
//    be idle and nothing turned away. Copies are a small share of requests.
// 2. Every timer is cancelled when its batch is answered, and all of them by `stop`.

import type { Clock, Timer } from "../../runtime/base/index.ts";
import type { Batch } from "./batch.ts";
import { Budget } from "./budget.ts";
import type { DispatchPolicy } from "./policy.ts";
import type { SlotPool } from "./slot-pool.ts";
import type { ServiceRecord } from "./service-record.ts";

/** Standard deviations above the mean after which a batch takes too long. */
const DEVIATIONS = 3;
/** Of the replicas; fewer idle ones are better kept for what comes. */
const IDLE_SHARE = 0.2;
const SAVED = 10;

export class Hedger {
  readonly #clock: Clock;
  readonly #service: ServiceRecord;
  readonly #timers = new Map<Batch, Timer>();
  #budget: Budget | undefined;

  constructor(clock: Clock, service: ServiceRecord) {
    this.#clock = clock;
    this.#service = service;
  }

  /** A request was admitted. */
  admit({ hedge }: DispatchPolicy): void {
    if (hedge === undefined) return;
    this.#budget ??= new Budget(hedge.budget, 1);
    this.#budget.admit(SAVED);
  }

  /** Calls `copy` when the batch takes too long and may be copied; `endsAtMs` is when it should be done. */
  watch(batch: Batch, { policy, endsAtMs, copy }: Watched): void {
    if (policy.hedge === undefined || !policy.idempotent || batch.entries.length !== 1) return;
    const [entry] = batch.entries;
    const mean = this.#service.model.meanMs(batch.rows);
    if (entry === undefined || entry.work.kind !== "infer" || entry.suspect || mean === undefined) return;
    const lateMs = endsAtMs + DEVIATIONS * this.#service.model.noise * mean;
    const timer = this.#clock.timer(Math.max(0, lateMs - this.#clock.nowMs()), () => {
      this.#timers.delete(batch);
      copy(() => this.#budget?.take() ?? false);
    });
    this.#timers.set(batch, timer);
  }

  answered(batch: Batch): void {
    if (this.#timers.size === 0) return;
    this.#timers.get(batch)?.cancel();
    this.#timers.delete(batch);
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

/** Invariant 1: there are replicas to spare. */
export function isCalm(
  { idle, size }: Pick<SlotPool, "idle" | "size">,
  { turnsAway, queued }: { readonly turnsAway: boolean; readonly queued: number },
): boolean {
  return !turnsAway && queued === 0 && idle > IDLE_SHARE * size;
}

export interface Watched {
  readonly policy: DispatchPolicy;
  readonly endsAtMs: number;
  /** `pay` takes one from the budget; false when it is spent. */
  readonly copy: (pay: () => boolean) => void;
}
