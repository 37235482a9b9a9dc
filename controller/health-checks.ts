// The active checks of one replica, on its data socket: regularly, and at once when it lost a batch.
//
// 1. One slow check kills nothing: three in a row do, as in Ray Serve.
// 2. A replica that is busy is not hung: a check that goes unanswered while a batch runs counts only when the batch has
//    run longer than anyone would wait for it.
// 3. One whose process the system has stopped is not busy: seen twice while a check waits, it is hung, whatever it has.
//    So it is found within two periods.
// 4. One that has ended is told of by the runtime, with how: when it lost a batch and a check, that word is waited for.

import { type Clock, messageOf } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";

/** Bounds of the checks, in milliseconds; asked for at each, since they may change. */
export interface HealthSettings {
  readonly periodMs: number;
  readonly timeoutMs: number;
  /** A batch that runs for longer than this has nobody waiting for it. */
  readonly patienceMs: number;
}

export interface HealthChecksOptions {
  readonly replicaId: string;
  readonly settings: () => HealthSettings;
  /** Rejects when the replica says that it is not well, or `signal` aborts. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  /** How long the oldest batch has been at the replica; undefined when it has none. */
  readonly busyMs: () => Promise<number | undefined>;
  /** Whether the system has stopped its process, by SIGSTOP or a debugger; false where that is not known. */
  readonly stopped: () => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told once: the replica is to be replaced. The checks are over then. */
  readonly onUnwell: (message: string) => void;
}

const MAX_FAILED_CHECKS = 3;
/** Between the looks at the process of a replica that has not answered yet: a share of the period, and no less than. */
const LOOK_SHARE = 0.25;
const LEAST_LOOK_MS = 250;
const STOPPED_LOOKS = 2;
/** For the word of its end; the process is gone for long by then. */
const LAST_WORD_MS = 1_000;

const HUNG = "its process is stopped";

type Checked =
  | { readonly kind: "well" }
  /** It did not answer in time and has a batch that somebody may still wait for. */
  | { readonly kind: "busy" }
  | { readonly kind: "unwell"; readonly message: string }
  | { readonly kind: "hung" };

export class HealthChecks implements Disposable {
  readonly #options: HealthChecksOptions;
  readonly #over = new AbortController();
  /** When to look at its process, however many checks that takes; undefined after one was answered. */
  #nextLookMs: number | undefined;
  /** Looks in a row that saw it stopped. */
  #stoppedLooks = 0;

  constructor(options: HealthChecksOptions) {
    this.#options = options;
  }

  /** Checks until it is disposed of, or the replica is found unwell. */
  async start(): Promise<void> {
    const { settings, clock, log, replicaId } = this.#options;
    for (let failures = 0; !this.#over.signal.aborted; ) {
      await clock.sleep(settings().periodMs, this.#over.signal).catch(() => undefined);
      const checked = await this.#check();
      if (this.#over.signal.aborted) return;
      if (checked.kind === "hung") this.#end(HUNG);
      if (checked.kind === "well") failures = 0;
      if (checked.kind !== "unwell") continue;
      failures++;
      log.warn({ replica: replicaId, failures }, `health check failed: ${checked.message}`);
      if (failures >= MAX_FAILED_CHECKS) this.#end(`${failures} health checks failed: ${checked.message}`);
    }
  }

  /** It lost a batch. Resolves true when a check answers; else it is unwell, or gone. */
  async probe(): Promise<boolean> {
    for (;;) {
      const checked = await this.#check();
      if (this.#over.signal.aborted) return false;
      if (checked.kind === "well") return true;
      if (checked.kind === "busy") continue;
      if (checked.kind === "unwell" && (await this.#isTold())) return false; // invariant 4
      this.#end(checked.kind === "hung" ? HUNG : `it lost a batch and then a check: ${checked.message}`);
      return false;
    }
  }

  /** Whether its end is told of soon: then there is nothing to check any more. */
  async #isTold(): Promise<boolean> {
    await this.#options.clock.sleep(LAST_WORD_MS, this.#over.signal).catch(() => undefined);
    return this.#over.signal.aborted;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  #end(message: string): void {
    this[Symbol.dispose]();
    this.#options.onUnwell(message);
  }

  async #check(): Promise<Checked> {
    if (this.#over.signal.aborted) return { kind: "busy" };
    this.#nextLookMs ??= this.#options.clock.nowMs() + this.#lookMs;
    const decided = new AbortController();
    try {
      const checked = await Promise.race([this.#ask(decided.signal), this.#watch(decided.signal)]);
      if (checked.kind === "well") {
        this.#nextLookMs = undefined;
        this.#stoppedLooks = 0;
      }
      return checked;
    } finally {
      decided.abort();
    }
  }

  async #ask(gone: AbortSignal): Promise<Checked> {
    const { settings, check, busyMs } = this.#options;
    const { timeoutMs, patienceMs } = settings();
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      await check(AbortSignal.any([this.#over.signal, gone, timeout]));
      return { kind: "well" };
    } catch (thrown) {
      const busy = timeout.aborted ? await busyMs() : undefined;
      if (busy !== undefined && busy < patienceMs) return { kind: "busy" }; // invariant 2
      return { kind: "unwell", message: messageOf(thrown) };
    }
  }

  /** Resolves when its process is seen to be stopped, time after time; else never. Invariant 3. */
  async #watch(answered: AbortSignal): Promise<Checked> {
    const { stopped, clock } = this.#options;
    const over = AbortSignal.any([this.#over.signal, answered]);
    while (this.#nextLookMs !== undefined) {
      await clock.sleep(Math.max(0, this.#nextLookMs - clock.nowMs()), over).catch(() => undefined);
      if (over.aborted) break;
      this.#nextLookMs = clock.nowMs() + this.#lookMs;
      this.#stoppedLooks = (await stopped()) ? this.#stoppedLooks + 1 : 0;
      if (this.#stoppedLooks >= STOPPED_LOOKS) return { kind: "hung" };
    }
    return await new Promise<never>(() => undefined);
  }

  get #lookMs(): number {
    return Math.max(LEAST_LOOK_MS, LOOK_SHARE * this.#options.settings().periodMs);
  }
}
