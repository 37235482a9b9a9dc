// Tells the head of direct calls after the fact, for the lists of tasks and the timeline. Nothing decides by it.
//
// 1. What is told late is bounded: every TICK_MS, and sooner when much has gathered.
// 2. A call that lasts is told as running, and its end later.

import type { Clock } from "../../../base/index.ts";
import type { Outcome } from "../../api/core.ts";
import { type CallReport, ROW_NUMBERS } from "../../workers/direct-messages.ts";
import type { CalleeLink, SentCall } from "./callee-link.ts";

const TICK_MS = 100;
const MAX_ENDED = 2_000;

export interface CallReporterOptions {
  readonly clock: Clock;
  readonly send: (report: CallReport) => void;
}

type Failure = CallReport["failures"][number];

/** What is to be told of one connection; times of `rows` are this process's own until then. */
interface Untold {
  readonly labels: string[];
  readonly rows: number[];
  readonly failures: Failure[];
}

export class CallReporter {
  readonly #options: CallReporterOptions;
  /** Connections with calls that are not over, or ended since the last report. */
  readonly #busy = new Map<CalleeLink, Untold>();
  #ticks = false;

  constructor(options: CallReporterOptions) {
    this.#options = options;
  }

  sent(link: CalleeLink): void {
    if (!link.route.reports || this.#busy.has(link)) return;
    this.#busy.set(link, { labels: [], rows: [], failures: [] });
    this.#tickLater();
  }

  /** Keeps nothing of the call: its arguments are to be collected. */
  ended(link: CalleeLink, call: SentCall, outcome: Outcome): void {
    const untold = this.#busy.get(link);
    if (untold === undefined) return;
    add(untold, call, this.#options.clock.nowMs());
    if (outcome.kind === "error") {
      const { code, message } = outcome.error;
      untold.failures.push([call.spec.task, code, message]);
    }
    if (untold.rows.length >= MAX_ENDED * ROW_NUMBERS) this.#report(link, untold); // invariant 1
  }

  #tick(): void {
    for (const [link, untold] of this.#busy) {
      this.#report(link, untold);
      if (link.pending.size === 0) this.#busy.delete(link);
    }
    this.#ticks = false;
    if (this.#busy.size > 0) this.#tickLater();
  }

  /** It ends by itself when there is nothing to tell. */
  #tickLater(): void {
    if (this.#ticks) return;
    this.#ticks = true;
    this.#options.clock.timer(TICK_MS, () => this.#tick());
  }

  #report(link: CalleeLink, untold: Untold): void {
    const { clock, send } = this.#options;
    const nowMs = clock.nowMs();
    for (const call of link.pending.values()) {
      if (call.reported || nowMs - call.sentMs < TICK_MS) continue;
      call.reported = true; // invariant 2
      add(untold, call, undefined);
    }
    const { labels, rows, failures } = untold;
    if (rows.length === 0) return;
    for (let at = 0; at < rows.length; at += ROW_NUMBERS) {
      rows[at + SENT] = ageOf(rows[at + SENT], nowMs);
      rows[at + ENDED] = ageOf(rows[at + ENDED], nowMs);
    }
    const { actor, workerIndex } = link.route;
    this.#busy.set(link, { labels: [], rows: [], failures: [] });
    send({ type: "calls", actor, workerIndex, atEpochMs: clock.epochMs(), labels, rows, failures });
  }
}

/** Columns of a row. */
const SENT = 3;
const ENDED = 4;

function add({ labels, rows }: Untold, { spec, sentMs }: SentCall, endedMs: number | undefined): void {
  const known = labels.indexOf(spec.label);
  const label = known >= 0 ? known : labels.push(spec.label) - 1;
  rows.push(spec.task, spec.parent ?? 0, label, sentMs, endedMs ?? -1);
}

/** To the microsecond, which is short as text; -1 stays. */
function ageOf(atMs = -1, nowMs: number): number {
  return atMs < 0 ? -1 : Math.round((nowMs - atMs) * 1_000) / 1_000;
}
