// A load in three parts: before something is done to the server, while it is, and when it is over. Pure.

import { Histogram } from "../http/histogram.ts";
import type { Outcome, SettledRequest } from "../open-loop/index.ts";

export const PHASES = ["before", "during", "after"] as const;
export type PhaseName = (typeof PHASES)[number];

export interface PhaseReport {
  readonly sent: number;
  readonly ok: number;
  /** Of ok answers, from the intended send time; 0 when there was none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function phaseReport(requests: readonly SettledRequest[]): PhaseReport {
  const latencies = new Histogram();
  for (const { outcome, intendedMs, settledMs } of requests) {
    if (outcome.kind === "ok") latencies.record(settledMs - intendedMs);
  }
  const { count, p50Ms, p99Ms } = latencies.summary();
  return { sent: requests.length, ok: count, p50Ms, p99Ms };
}

/** What became of a request in a word or two; the code where an answer had one. */
export function nameOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "ok":
    case "twice":
      return outcome.kind;
    case "error":
      return `${outcome.status} ${outcome.code === "" ? "without a code" : outcome.code}`;
    case "refused":
    case "lost":
      return `${outcome.kind}: ${outcome.cause}`;
    case "timedOut":
      return "no answer";
  }
}
