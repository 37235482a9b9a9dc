// The start of one worker in an environment: watched until it is ready, and told apart from a worker's later death.
//
// 1. A process that ends by itself before it is ready, or is not ready in time, is a failure of its environment. One
//    that was killed by somebody is not.

import { type Clock, ShoalError, type Timer, type WireError } from "../../base/index.ts";
import type { WorkerLog } from "../logs/worker-logs.ts";
import type { EnvironmentData } from "../workers/messages.ts";
import { SETUP_TIMEOUT_MS, setupFailure } from "./environment-table.ts";

const KEPT_LINES = 30;

export class WorkerStart {
  readonly #timer: Timer | undefined;
  #lines: string[] | undefined = [];

  private constructor(timer: Timer | undefined) {
    this.#timer = timer;
  }

  /** `onLate` is called when the time is up and the worker not ready. */
  static watch(data: EnvironmentData, clock: Clock, onLate: (error: ShoalError) => void): WorkerStart {
    const { setupTimeoutMs = SETUP_TIMEOUT_MS } = data;
    const late = (): void => onLate(start.failure(`a worker is not ready after ${setupTimeoutMs} ms`));
    const start = new WorkerStart(setupTimeoutMs === -1 ? undefined : clock.timer(setupTimeoutMs, late));
    return start;
  }

  /** `log` with the lines kept that come before the worker is ready. */
  tap(log: WorkerLog): WorkerLog {
    return {
      sink: (stream) => {
        const sink = log.sink(stream);
        return {
          line: (text) => {
            if (this.#lines !== undefined) this.#lines = [...this.#lines, text].slice(-KEPT_LINES);
            sink.line(text);
          },
          dropped: (count) => sink.dropped(count),
        };
      },
      rename: (name) => log.rename(name),
      [Symbol.dispose]: () => log[Symbol.dispose](),
    };
  }

  ready(): void {
    this.#timer?.cancel();
    this.#lines = undefined;
  }

  /** What its setup hook threw. */
  onThrown(error: WireError): ShoalError {
    return this.failure(error.message, ShoalError.fromWire(error));
  }

  /** The process is gone: what that says of the environment (invariant 1). */
  onEnd({
    exitCode,
    spawnError,
  }: {
    readonly exitCode: number | null;
    readonly spawnError?: Error;
  }): ShoalError | undefined {
    this.#timer?.cancel();
    if (this.#lines === undefined) return undefined;
    if (spawnError !== undefined) return this.failure(`no process of it starts: ${spawnError.message}`);
    return exitCode === null
      ? undefined
      : this.failure(`a worker ended with exit code ${exitCode} before it was ready`);
  }

  failure(why: string, cause?: ShoalError): ShoalError {
    const lines = (this.#lines ?? []).filter((line) => line.trim() !== "");
    const error = setupFailure([why, ...lines].join("\n"), cause);
    error.remoteStack = cause?.remoteStack;
    return error;
  }
}
