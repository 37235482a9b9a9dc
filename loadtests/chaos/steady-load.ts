// An open-loop load that goes on while something is done to the server, and what became of each request.
//
// 1. Requests belong to the phase in which they were to be sent, whenever they ended.

import {
  type OpenLoopReport,
  type RequestClass,
  runOpenLoop,
  type SettledRequest,
} from "../open-loop/index.ts";
import { type PhaseName, type PhaseReport, PHASES, phaseReport } from "./phases.ts";

export interface SteadyLoadOptions {
  readonly requests: readonly RequestClass[];
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface LoadResult {
  readonly report: OpenLoopReport;
  readonly phases: Readonly<Record<PhaseName, PhaseReport>>;
  /** As they settled. */
  readonly settled: readonly SettledRequest[];
}

interface Waiter {
  readonly fromMs: number;
  left: number;
  readonly resolve: () => void;
}

/** Never reached: a load ends when it is told to. */
const LONGEST_MS = 3_600_000;
/** Longer than any request may take at the server, so that one that is not answered is a fault. */
const REQUEST_TIMEOUT_MS = 60_000;

export class SteadyLoad implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #startMs = performance.now();
  readonly #settled: SettledRequest[] = [];
  readonly #phaseStarts: Record<PhaseName, number> = { before: 0, during: Infinity, after: Infinity };
  readonly #report: Promise<OpenLoopReport>;
  #waiters: Waiter[] = [];
  #lateMs: number | undefined;

  private constructor({ requests, ratePerSecond, seed, signal }: SteadyLoadOptions) {
    const stop = AbortSignal.any([signal, this.#stop.signal]);
    this.#report = runOpenLoop(
      {
        requests,
        arrivals: { kind: "rate", ratePerSecond, process: { kind: "poisson" } },
        durationMs: LONGEST_MS,
        timeoutMs: REQUEST_TIMEOUT_MS,
        seed,
        onSettled: (request) => this.#onSettled(request),
      },
      stop,
    );
    this.#report.catch(() => undefined);
  }

  static start(options: SteadyLoadOptions): SteadyLoad {
    return new SteadyLoad(options);
  }

  /** Since it began, in milliseconds, as the times of its requests. */
  get nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** What is sent from now on belongs to this phase. */
  enter(phase: Exclude<PhaseName, "before">): void {
    this.#phaseStarts[phase] = this.nowMs;
  }

  /** Resolves when so many requests that were sent from now on have been answered with success. */
  async answered(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ fromMs: this.nowMs, left: count, resolve });
    await Promise.race([promise, this.#report]);
  }

  /** Stops sending and waits for what is under way. */
  async end(): Promise<LoadResult> {
    this.#stop.abort();
    const report = await this.#report;
    const [beforeMs, duringMs, afterMs] = PHASES.map((phase) => this.#phaseStarts[phase]);
    const within = (fromMs = 0, untilMs = Infinity): PhaseReport =>
      phaseReport(this.#settled.filter(({ intendedMs }) => intendedMs >= fromMs && intendedMs < untilMs)); // invariant 1
    const phases = {
      before: within(beforeMs, duringMs),
      during: within(duringMs, afterMs),
      after: within(afterMs),
    };
    return { report, phases, settled: this.#settled };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#report.catch(() => undefined);
  }

  #onSettled(request: SettledRequest): void {
    // A second telling, of one that was answered twice, is in the report.
    if (request.outcome.kind === "twice") return;
    // The generator counts from its first moment, a little later than this does.
    this.#lateMs ??= this.nowMs - request.settledMs;
    const intendedMs = request.intendedMs + this.#lateMs;
    this.#settled.push({ ...request, intendedMs, settledMs: request.settledMs + this.#lateMs });
    if (request.outcome.kind !== "ok") return;
    for (const waiter of this.#waiters) {
      if (intendedMs < waiter.fromMs) continue;
      waiter.left--;
      if (waiter.left <= 0) waiter.resolve();
    }
    this.#waiters = this.#waiters.filter(({ left }) => left > 0);
  }
}
