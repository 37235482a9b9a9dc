// An open-loop load that ends when it is told to, or when its plan does.

import { type ArrivalPlan, type RequestClass, runOpenLoop, type SettledRequest } from "../open-loop/index.ts";
import { type Seen, seenOf } from "./requests-seen.ts";

export interface LoadOptions {
  readonly requests: readonly RequestClass[];
  readonly arrivals: ArrivalPlan;
  /** Until it is told to end, by default. */
  readonly durationMs?: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Never reached: such a load is told to end. */
const LONGEST_MS = 3_600_000;
/** Longer than any request may take at the server, so that one that is not answered is a fault. */
const REQUEST_TIMEOUT_MS = 60_000;

export class Load implements AsyncDisposable {
  readonly settled: SettledRequest[] = [];
  readonly #stop = new AbortController();
  readonly #startMs = performance.now();
  readonly #done: Promise<unknown>;

  private constructor({ requests, arrivals, durationMs = LONGEST_MS, seed, signal }: LoadOptions) {
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    const onSettled = (request: SettledRequest): void => {
      this.settled.push(request);
    };
    this.#done = runOpenLoop(
      { requests, arrivals, durationMs, timeoutMs: REQUEST_TIMEOUT_MS, seed, onSettled },
      stop,
    );
    this.#done.catch(() => undefined);
  }

  static start(options: LoadOptions): Load {
    return new Load(options);
  }

  /** Since it began, in milliseconds, as the times of its requests. */
  get nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** Sends nothing more, and waits for what is under way. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /** Resolves when the plan has ended and every request has settled. */
  async ended(): Promise<void> {
    await this.#done;
  }

  /** Of requests that were to be sent in this time, of one class or of all. */
  seen({
    fromMs = 0,
    untilMs = Infinity,
    objectiveMs,
    className,
  }: {
    readonly fromMs?: number;
    readonly untilMs?: number;
    readonly objectiveMs?: number;
    readonly className?: string;
  } = {}): Seen {
    const within = this.settled.filter(
      (request) =>
        request.intendedMs >= fromMs &&
        request.intendedMs < untilMs &&
        (className === undefined || request.className === className),
    );
    return seenOf(within, objectiveMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done.catch(() => undefined);
  }
}
