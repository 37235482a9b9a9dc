// Requests to a deployment that has no replica and never had one here: nobody knows yet what it takes, so nothing of
// them can be read. They wait for the first replica.
//
// 1. They are bounded, and each waits no longer than its own time.

import { type Clock, ShoalError } from "../../runtime/base/index.ts";

export interface HeldRequestsOptions {
  readonly deployment: string;
  readonly clock: Clock;
}

export interface Holding {
  readonly timeoutMs: number;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Requests that may be held, this one included. */
  readonly max: number;
}

export class HeldRequests {
  readonly #options: HeldRequestsOptions;
  readonly #held = new Set<() => void>();

  constructor(options: HeldRequestsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Resolves at `release`. Rejects with QUEUE_FULL, DEADLINE_EXCEEDED or CANCELLED. */
  async hold({ timeoutMs, signal, max }: Holding): Promise<void> {
    const { deployment, clock } = this.#options;
    if (this.#held.size >= max) {
      const message = `Cannot take a request for "${deployment}": ${this.#held.size} wait for its first replica already, wanted fewer than max_queued_requests ${max}`;
      throw new ShoalError("QUEUE_FULL", message, { retryAfterMs: 1_000 });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = clock.timer(timeoutMs, () => {
      const message = `Cannot answer a request on "${deployment}" in time: no replica was ready after ${Math.round(timeoutMs)} ms`;
      reject(new ShoalError("DEADLINE_EXCEEDED", message));
    });
    const leave = (): void => reject(new ShoalError("CANCELLED", "The client went away before the answer"));
    signal.addEventListener("abort", leave, { once: true });
    this.#held.add(resolve);
    try {
      await promise; // invariant 1
    } finally {
      this.#held.delete(resolve);
      timer.cancel();
      signal.removeEventListener("abort", leave);
    }
  }

  /** What became of the deployment is theirs to see now. */
  release(): void {
    for (const resolve of this.#held) resolve();
  }
}
