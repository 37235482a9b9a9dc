// What an open loop found; plain data.

import type { Histogram, LatencySummary } from "../http/histogram.ts";

export interface LatencyReport extends LatencySummary {
  readonly p999Ms: number;
}

/** Answers that were no success, of one status and code. */
export interface ErrorReport {
  readonly status: number;
  /** "" when the body named none. */
  readonly code: string;
  readonly count: number;
  /** From the intended send time: how long a refusal took. */
  readonly latency: LatencyReport;
}

/** Requests by what became of them: `sent` is `ok + failed + refused + timedOut + lost + twice`. */
export interface OutcomeReport {
  readonly sent: number;
  /** Answered with 200 to 299. */
  readonly ok: number;
  /** Answered with another status: the sum of `errors`. */
  readonly failed: number;
  readonly errors: readonly ErrorReport[];
  /** No connection came about; by the system's code, such as ECONNREFUSED. */
  readonly refused: number;
  readonly refusedBy: Readonly<Record<string, number>>;
  /** No whole answer within the timeout; `timedOutUnwritten` of them before they were written to a socket. */
  readonly timedOut: number;
  readonly timedOutUnwritten: number;
  /** The connection broke after sending; `lostOnReuse` of them on one that had been idle, before a byte came back. */
  readonly lost: number;
  readonly lostBy: Readonly<Record<string, number>>;
  readonly lostOnReuse: number;
  readonly twice: number;
  /** Answered ok within the objective; undefined without one. `attainment` is its share of `sent`. */
  readonly withinSlo?: number;
  readonly attainment?: number;
  /** Of ok answers, from the *intended* send time to their last byte. */
  readonly latency: LatencyReport;
  /** Of the same, from the moment they were written: less the generator's lag, and less the wait for a connection. */
  readonly serviceLatency: LatencyReport;
}

/** The requests that were to be sent in one second, and what became of them, whenever that was. */
export interface TimelineRow extends OutcomeReport {
  /** From 0. */
  readonly second: number;
  /** Of these, how many waited for a connection because of the bound. */
  readonly delayed: number;
}

export interface OpenLoopReport extends OutcomeReport {
  readonly startedAt: string;
  readonly seed: number;
  /** The length of the load: as asked, or up to the last intended send time. */
  readonly windowMs: number;
  /** With the time that the last answers took. */
  readonly elapsedMs: number;
  readonly sentPerSecond: number;
  readonly okPerSecond: number;
  /** Times a request was written or tried to: `sent` and the retries. */
  readonly attempts: number;
  /** How much later than intended the generator turned to a request. */
  readonly lag: LatencyReport;
  readonly connections: {
    readonly opened: number;
    /** The most at a time, to all servers. */
    readonly peak: number;
    /** Requests that waited because of the bound, and how long. */
    readonly delayed: number;
    readonly delay: LatencyReport;
  };
  readonly classes: Readonly<Record<string, OutcomeReport>>;
  readonly timeline: readonly TimelineRow[];
  /** CPU time of the generator's whole process, in all threads, and per attempt. */
  readonly cpuMs: number;
  readonly cpuMicrosPerAttempt: number;
  /** It was stopped before its end. */
  readonly interrupted: boolean;
  /** What spoils or limits the result, each a sentence; empty is good. */
  readonly warnings: readonly string[];
}

export function latencyReport(histogram: Histogram): LatencyReport {
  return { ...histogram.summary(), p999Ms: histogram.quantileMs(0.999) };
}
