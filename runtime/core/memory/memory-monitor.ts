// Watches memory and says which worker should die before the kernel picks one itself, which may be the driver.
// It kills nothing: `onPressure` does, and whoever owns the task tries it again (`oomRetryDelayMs`).
//
// 1. One victim at a time: the next is named only when the last is gone, or did not go within `killWaitMs`. One that
//    does not go is not named again.
// 2. Below the threshold no process is looked at.
// 3. What cannot be read kills nobody.

import { type Clock, ShoalError, type Timer } from "../../base/index.ts";
import { memoryMessage } from "./memory-message.ts";
import type { MemoryReader, MemoryReading } from "./memory-reader.ts";
import { type MeasuredWorker, type MemoryWorker, pickVictim, type Victim } from "./memory-victim.ts";

export interface MemoryPressure extends MemoryReading {
  readonly victim: Victim;
  /** Several lines for the log and the error: how much, who, what to do. */
  readonly message: string;
}

export interface MemoryMonitorOptions {
  readonly clock: Clock;
  readonly reader: MemoryReader;
  /** The workers there are now; asked only under pressure. */
  readonly workers: () => readonly MemoryWorker[];
  /** Kills `victim.worker`, with SIGKILL. Must not throw. */
  readonly onPressure: (pressure: MemoryPressure) => void;
  /** Used of limit, above which a worker dies. Default 0.95, as Ray. */
  readonly threshold?: number;
  /** Pause between two looks. Default 250 ms, as Ray; 0 is off. */
  readonly refreshMs?: number;
  /** How long a victim may take to go before another is named. Default 5,000. */
  readonly killWaitMs?: number;
}

type Phase =
  | { readonly kind: "WATCHING" }
  | { readonly kind: "AWAITING_END"; readonly victim: Victim; readonly sinceMs: number };

export class MemoryMonitor {
  readonly #options: Required<MemoryMonitorOptions>;
  #phase: Phase = { kind: "WATCHING" };
  /** Processes that were to die and did not within `killWaitMs`. */
  readonly #stuck = new Set<number>();
  #timer: Timer | undefined;

  private constructor(options: Required<MemoryMonitorOptions>) {
    this.#options = options;
  }

  /** Starts to look every `refreshMs`, first after one. Throws INVALID_ARGUMENT on options out of range. */
  static start(options: MemoryMonitorOptions): MemoryMonitor {
    const all = { threshold: 0.95, refreshMs: 250, killWaitMs: 5_000, ...options };
    if (!(all.threshold > 0 && all.threshold <= 1)) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot watch memory at a threshold of ${all.threshold}: wanted above 0, at most 1`,
      );
    }
    if (!(all.refreshMs >= 0 && Number.isFinite(all.refreshMs))) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot watch memory every ${all.refreshMs} ms: wanted 0 for off, or more`,
      );
    }
    const monitor = new MemoryMonitor(all);
    if (all.refreshMs > 0) monitor.#wait();
    return monitor;
  }

  /** No look after this. */
  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    this.#timer = this.#options.clock.timer(this.#options.refreshMs, () => {
      this.#wait();
      this.#look();
    });
  }

  #look(): void {
    const { clock, reader, threshold } = this.#options;
    if (this.#phase.kind === "AWAITING_END") {
      const { victim, sinceMs } = this.#phase;
      const gone = reader.isGone(victim.worker.pid);
      // Invariant 1.
      if (!gone && clock.nowMs() - sinceMs < this.#options.killWaitMs) return;
      if (!gone) this.#stuck.add(victim.worker.pid);
      this.#phase = { kind: "WATCHING" };
    }
    const reading = reader.machine();
    // Invariants 2 and 3.
    if (reading !== undefined && reading.usedBytes > threshold * reading.limitBytes) this.#relieve(reading);
  }

  #relieve(reading: MemoryReading): void {
    const { clock, reader, threshold, workers, onPressure } = this.#options;
    for (const pid of this.#stuck) if (reader.isGone(pid)) this.#stuck.delete(pid);
    const measured: MeasuredWorker[] = workers().map((worker) => ({
      ...worker,
      bytes: reader.processBytes(worker.pid),
    }));
    const victim = pickVictim(
      measured.filter(({ pid }) => !this.#stuck.has(pid)),
      clock.nowMs(),
    );
    if (victim === undefined) return;
    this.#phase = { kind: "AWAITING_END", victim, sinceMs: clock.nowMs() };
    onPressure({ ...reading, victim, message: memoryMessage(victim, measured, { ...reading, threshold }) });
  }
}
