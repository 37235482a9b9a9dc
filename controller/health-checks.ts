// The active checks of one replica, on its data socket: regularly, and at once when it lost a batch.
//
// 1. One slow check kills nothing: three in a row do, as in Ray Serve.
// 2. A replica that is busy is not hung: a check that goes unanswered while a batch runs counts only when the batch has
//    run longer than anyone would wait for it.

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
  readonly clock: Clock;
  readonly log: Logger;
  /** Told once: the replica is to be replaced. The checks are over then. */
  readonly onUnwell: (message: string) => void;
}

const MAX_FAILED_CHECKS = 3;

type Checked =
  | { readonly kind: "well" }
  /** It did not answer in time and has a batch that somebody may still wait for. */
  | { readonly kind: "busy" }
  | { readonly kind: "unwell"; readonly message: string };

export class HealthChecks implements Disposable {
  readonly #options: HealthChecksOptions;
  readonly #over = new AbortController();

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
      this.#end(`it lost a batch and then a check: ${checked.message}`);
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  #end(message: string): void {
    this[Symbol.dispose]();
    this.#options.onUnwell(message);
  }

  async #check(): Promise<Checked> {
    const { settings, check, busyMs } = this.#options;
    const { timeoutMs, patienceMs } = settings();
    if (this.#over.signal.aborted) return { kind: "busy" };
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      await check(AbortSignal.any([this.#over.signal, timeout]));
      return { kind: "well" };
    } catch (thrown) {
      const busy = timeout.aborted ? await busyMs() : undefined;
      if (busy !== undefined && busy < patienceMs) return { kind: "busy" }; // invariant 2
      return { kind: "unwell", message: messageOf(thrown) };
    }
  }
}
