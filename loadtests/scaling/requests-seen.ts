// What became of requests, as figures. Pure.

import { Histogram } from "../http/histogram.ts";
import type { SettledRequest } from "../open-loop/index.ts";

export interface Seen {
  readonly sent: number;
  readonly ok: number;
  /** Answered within the objective. */
  readonly inTime: number;
  /** Refused by the server, with 429 or 503; of these the time until they knew. */
  readonly refused: number;
  readonly refusedP50Ms: number;
  readonly refusedP99Ms: number;
  /** Every other end: an error of another kind, none at all, a broken connection. */
  readonly failed: number;
  /** Of ok answers, from the intended send time. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

const REFUSALS = new Set([429, 503]);

/** Without an objective, whatever is answered is in time. */
export function seenOf(requests: readonly SettledRequest[], objectiveMs = Infinity): Seen {
  const answered = new Histogram();
  const refused = new Histogram();
  let inTime = 0;
  for (const { outcome, intendedMs, settledMs } of requests) {
    const tookMs = settledMs - intendedMs;
    if (outcome.kind === "ok") {
      answered.record(tookMs);
      if (tookMs <= objectiveMs) inTime++;
    } else if (outcome.kind === "error" && REFUSALS.has(outcome.status)) refused.record(tookMs);
  }
  const { count: ok, p50Ms, p90Ms, p99Ms } = answered.summary();
  const { count, p50Ms: refusedP50Ms, p99Ms: refusedP99Ms } = refused.summary();
  const failed = requests.length - ok - count;
  return {
    sent: requests.length,
    ok,
    inTime,
    refused: count,
    refusedP50Ms,
    refusedP99Ms,
    failed,
    p50Ms,
    p90Ms,
    p99Ms,
  };
}

/** 0 of nothing. */
export function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
