// Tells the head of direct calls after the fact, for the lists of tasks and the timeline. Nothing decides by it.
//
// 1. What is told late is bounded: every TICK_MS, and sooner when much has gathered.
// 2. A call that lasts is told as running, and its end later.

import type { Clock, Timer } from "../../../base/index.ts";
import type { Outcome } from "../../api/core.ts";
import type { CallReport } from "../../workers/direct-messages.ts";
import type { Id } from "../../workers/messages.ts";
import type { CalleeLink, SentCall } from "./callee-link.ts";

const TICK_MS = 100;
const MAX_ENDED = 2_000;

export interface CallReporterOptions {
  readonly clock: Clock;
  readonly send: (report: CallReport) => void;
}

interface Ended {
  readonly call: SentCall;
  readonly endedMs: number;
  readonly outcome: Outcome;
}

export class CallReporter {
  readonly #options: CallReporterOptions;
  /** Connections with calls that are not over, or ended since the last report. */
  readonly #busy = new Map<CalleeLink, Ended[]>();
  #timer: Timer | undefined;

  constructor(options: CallReporterOptions) {
    this.#options = options;
  }

  sent(link: CalleeLink): void {
    if (this.#busy.has(link) || !link.route.reports) return;
    this.#busy.set(link, []);
    this.#timer ??= this.#options.clock.timer(TICK_MS, () => this.#tick());
  }

  ended(link: CalleeLink, call: SentCall, outcome: Outcome): void {
    const ended = this.#busy.get(link);
    if (ended === undefined) return;
    if (ended.push({ call, endedMs: this.#options.clock.nowMs(), outcome }) >= MAX_ENDED)
      this.#report(link, ended); // invariant 1
  }

  #tick(): void {
    this.#timer = undefined;
    for (const [link, ended] of this.#busy) {
      this.#report(link, ended);
      if (link.pending.size === 0) this.#busy.delete(link);
    }
    if (this.#busy.size > 0) this.#timer = this.#options.clock.timer(TICK_MS, () => this.#tick());
  }

  #report(link: CalleeLink, ended: Ended[]): void {
    const { clock, send } = this.#options;
    const nowMs = clock.nowMs();
    const rows = new Rows(nowMs);
    const failures: [Id, string, string][] = [];
    for (const { call, endedMs, outcome } of ended) {
      rows.add(call, endedMs);
      if (outcome.kind === "error")
        failures.push([call.spec.task, outcome.error.code, outcome.error.message]);
    }
    ended.length = 0;
    for (const call of link.pending.values()) {
      if (call.reported || nowMs - call.sentMs < TICK_MS) continue;
      call.reported = true; // invariant 2
      rows.add(call, undefined);
    }
    if (rows.numbers.length === 0) return;
    const { actor, workerIndex } = link.route;
    const { labels, numbers } = rows;
    send({ type: "calls", actor, workerIndex, atEpochMs: clock.epochMs(), labels, rows: numbers, failures });
  }
}

/** The columns of a report. */
class Rows {
  readonly labels: string[] = [];
  readonly numbers: number[] = [];
  readonly #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  add({ spec, sentMs }: SentCall, endedMs: number | undefined): void {
    const endedAgoMs = endedMs === undefined ? -1 : this.#ago(endedMs);
    this.numbers.push(spec.task, spec.parent ?? 0, this.#labelOf(spec.label), this.#ago(sentMs), endedAgoMs);
  }

  /** To the microsecond: short as text. */
  #ago(atMs: number): number {
    return Math.round((this.#nowMs - atMs) * 1_000) / 1_000;
  }

  #labelOf(label: string): number {
    const at = this.labels.indexOf(label);
    return at >= 0 ? at : this.labels.push(label) - 1;
  }
}
