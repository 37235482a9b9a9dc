// Counts what became of requests: of all, of a class, of a second.
//
// 1. Each request is added once by `send` and once by `settle`; one found to be answered twice moves, it is not
//    counted again. So `sent` is the sum of the outcomes when nothing is open.
// 2. Kinds are bounded: a server that makes up codes does not fill the memory.

import { Histogram } from "../http/histogram.ts";
import type { Outcome } from "./outcome.ts";
import { latencyReport, type ErrorReport, type OutcomeReport } from "./report.ts";

const MAX_KINDS = 100;
const OTHER = "other";

/** How long a request took, to its last byte. */
export interface Took {
  readonly fromIntendedMs: number;
  readonly fromWrittenMs: number;
}

interface ErrorKind {
  readonly status: number;
  readonly code: string;
  count: number;
  readonly latency: Histogram;
}

export class Tally {
  readonly #sloMs: number | undefined;
  readonly #errors = new Map<string, ErrorKind>();
  readonly #refusedBy = new Map<string, number>();
  readonly #lostBy = new Map<string, number>();
  readonly #latency = new Histogram();
  readonly #serviceLatency = new Histogram();
  #counts = {
    sent: 0,
    ok: 0,
    failed: 0,
    refused: 0,
    timedOut: 0,
    timedOutUnwritten: 0,
    lost: 0,
    lostOnReuse: 0,
    twice: 0,
  };
  #withinSlo = 0;

  constructor(sloMs: number | undefined) {
    this.#sloMs = sloMs;
  }

  /** Requests sent and not yet settled. */
  get open(): number {
    const { sent, ok, failed, refused, timedOut, lost, twice } = this.#counts;
    return sent - ok - failed - refused - timedOut - lost - twice;
  }

  send(): void {
    this.#counts.sent++;
  }

  settle(outcome: Outcome, took: Took): void {
    if (outcome.kind === "ok") {
      this.#latency.record(took.fromIntendedMs);
      this.#serviceLatency.record(took.fromWrittenMs);
      if (isWithin(took, this.#sloMs)) this.#withinSlo++;
    }
    if (outcome.kind === "error")
      this.#errorKind(outcome.status, outcome.code).latency.record(took.fromIntendedMs);
    this.#add(outcome, 1);
  }

  /** A settled request was answered again; it was settled with `earlier`. Its latency stays in the histograms. */
  moveToTwice(earlier: Outcome, took: Took): void {
    this.#add(earlier, -1);
    if (earlier.kind === "ok" && isWithin(took, this.#sloMs)) this.#withinSlo--;
    this.#add({ kind: "twice" }, 1);
  }

  report(): OutcomeReport {
    const errors: ErrorReport[] = [...this.#errors.values()]
      .filter(({ count }) => count > 0)
      .map(({ latency, ...kind }) => ({ ...kind, latency: latencyReport(latency) }))
      .sort((left, right) => right.count - left.count);
    const slo =
      this.#sloMs === undefined
        ? {}
        : { withinSlo: this.#withinSlo, attainment: attainmentOf(this.#withinSlo, this.#counts.sent) };
    return {
      ...this.#counts,
      errors,
      refusedBy: Object.fromEntries(this.#refusedBy),
      lostBy: Object.fromEntries(this.#lostBy),
      ...slo,
      latency: latencyReport(this.#latency),
      serviceLatency: latencyReport(this.#serviceLatency),
    };
  }

  #add(outcome: Outcome, by: 1 | -1): void {
    const counts = this.#counts;
    switch (outcome.kind) {
      case "ok":
        counts.ok += by;
        return;
      case "error":
        counts.failed += by;
        this.#errorKind(outcome.status, outcome.code).count += by;
        return;
      case "refused":
        counts.refused += by;
        bump(this.#refusedBy, outcome.cause, by);
        return;
      case "timedOut":
        counts.timedOut += by;
        if (!outcome.written) counts.timedOutUnwritten += by;
        return;
      case "lost":
        counts.lost += by;
        if (outcome.onReuse) counts.lostOnReuse += by;
        bump(this.#lostBy, outcome.cause, by);
        return;
      case "twice":
        counts.twice += by;
        return;
    }
  }

  /** Invariant 2. */
  #errorKind(status: number, code: string): ErrorKind {
    const wanted = `${status} ${code}`;
    const key = this.#errors.has(wanted) || this.#errors.size < MAX_KINDS ? wanted : `${status} ${OTHER}`;
    let kind = this.#errors.get(key);
    if (kind === undefined) {
      kind = { status, code: key === wanted ? code : OTHER, count: 0, latency: new Histogram() };
      this.#errors.set(key, kind);
    }
    return kind;
  }
}

/** Causes are the system's codes and our own few words: bounded as they are. */
function bump(counts: Map<string, number>, cause: string, by: number): void {
  const count = (counts.get(cause) ?? 0) + by;
  if (count === 0) counts.delete(cause);
  else counts.set(cause, count);
}

export function isWithin(took: Took, sloMs: number | undefined): boolean {
  return sloMs !== undefined && took.fromIntendedMs <= sloMs;
}

/** 1 when nothing was sent: nothing was missed. */
export function attainmentOf(withinSlo: number, sent: number): number {
  return sent === 0 ? 1 : withinSlo / sent;
}
