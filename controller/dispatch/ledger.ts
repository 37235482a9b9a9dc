// The requests admitted and not settled: each is settled once, at the latest when its deadline passes.
//
// 1. A deadline is looked at within `SWEEP_INTERVAL_MS` of its passing; a burst of them costs one pass.

import { type Clock, ShoalError, type Timer } from "../../runtime/base/index.ts";
import type { Entry } from "./entry.ts";
import { OpenEntries } from "./open-entries.ts";
import type { InferResult } from "./request.ts";
import type { DispatchStats } from "./stats.ts";

/** Hears of the load as it comes and goes; the autoscaler's `LoadTracker` is one. */
export interface LoadSink {
  arrived(rows: number, nowMs: number): void;
  ongoing(requests: number, nowMs: number): void;
  ended(requests: number, missed: number, nowMs: number): void;
}

export interface LedgerOptions {
  readonly deployment: string;
  readonly clock: Clock;
  readonly stats: DispatchStats;
  readonly load: LoadSink | undefined;
  /** The deadline of an entry has passed: whoever has it gives it up and settles it. */
  readonly onExpired: (entry: Entry, error: ShoalError) => void;
}

const SWEEP_INTERVAL_MS = 2;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #open = new OpenEntries();
  #sweep: { readonly atMs: number; readonly timer: Timer } | undefined;
  #empty: PromiseWithResolvers<void> | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  all(): Entry[] {
    return this.#open.all();
  }

  add(entry: Entry): void {
    this.#open.add(entry);
    this.#options.load?.ongoing(this.#open.size, entry.admittedMs);
    this.#sweepBy(entry.deadlineMs);
  }

  /** From now on only the client's presence counts. */
  liftDeadline(entry: Entry): void {
    entry.begun = true;
    entry.deadlineMs = Number.POSITIVE_INFINITY;
    this.#open.moved(entry);
  }

  /** No effect on one that is settled. */
  settle(entry: Entry, outcome: InferResult | ShoalError): void {
    if (!entry.settle(outcome)) return;
    const { clock, stats, load } = this.#options;
    if (outcome instanceof Error) stats.countFailure((clock.nowMs() - entry.admittedMs) * 1e6);
    this.#open.delete(entry);
    if (load !== undefined) {
      const nowMs = clock.nowMs();
      load.ongoing(this.#open.size, nowMs);
      load.ended(1, Number(outcome instanceof Error ? isMissed(outcome) : nowMs > entry.dueMs), nowMs);
    }
    if (this.#open.size === 0) this.#empty?.resolve();
  }

  /** Resolves when there is nothing open, at the latest after `graceMs`. */
  async whenEmpty(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    this.#empty ??= Promise.withResolvers<void>();
    const timer = this.#options.clock.timer(graceMs, this.#empty.resolve);
    await this.#empty.promise;
    timer.cancel();
  }

  /** Cancels what is timed. */
  stop(): void {
    this.#sweep?.timer.cancel();
  }

  tooLate(entry: Entry, nowMs: number): ShoalError {
    const waitedMs = Math.round(nowMs - entry.admittedMs);
    const where = entry.state.kind === "queued" ? "in the queue" : "at a replica";
    return new ShoalError(
      "DEADLINE_EXCEEDED",
      `Cannot answer a request on "${this.#options.deployment}" in time: its deadline passed after ${waitedMs} ms, ${where}`,
    );
  }

  #sweepBy(deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    if (this.#sweep !== undefined) {
      if (this.#sweep.atMs <= deadlineMs) return;
      this.#sweep.timer.cancel();
    }
    const { clock } = this.#options;
    const delayMs = Math.max(SWEEP_INTERVAL_MS, deadlineMs - clock.nowMs()); // invariant 1
    this.#sweep = { atMs: deadlineMs, timer: clock.timer(delayMs, () => this.#expire()) };
  }

  #expire(): void {
    this.#sweep = undefined;
    const nowMs = this.#options.clock.nowMs();
    for (
      let entry = this.#open.first;
      entry !== undefined && entry.deadlineMs <= nowMs;
      entry = this.#open.first
    ) {
      this.#options.onExpired(entry, this.tooLate(entry, nowMs));
      this.#open.delete(entry); // whatever its owner did: it is not looked at again
    }
    const next = this.#open.first;
    if (next !== undefined) this.#sweepBy(next.deadlineMs);
  }
}

/** Whether more replicas would have answered it. */
function isMissed({ code }: ShoalError): boolean {
  return code === "DEADLINE_EXCEEDED" || code === "OVERLOADED" || code === "QUEUE_FULL";
}
