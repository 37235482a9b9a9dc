// A tally for each second of intended send times.
//
// 1. A second that is over and has no open request is boiled down to its row, so memory does not grow with the
//    histograms of a long load.

import type { Outcome } from "./outcome.ts";
import type { OutcomeReport, TimelineRow } from "./report.ts";
import { attainmentOf, isWithin, Tally, type Took } from "./tally.ts";

interface Second {
  readonly tally: Tally;
  delayed: number;
}

export class Timeline {
  readonly #sloMs: number | undefined;
  readonly #onRow: (row: TimelineRow) => void;
  readonly #live = new Map<number, Second>();
  readonly #rows: TimelineRow[] = [];
  #current = 0;

  /** `onRow` is told each row once, when its last request has settled: not always in the order of the seconds. */
  constructor(sloMs: number | undefined, onRow: (row: TimelineRow) => void = () => undefined) {
    this.#sloMs = sloMs;
    this.#onRow = onRow;
  }

  send(intendedMs: number): void {
    const second = secondOf(intendedMs);
    // Times ascend: earlier seconds get no more requests.
    if (second > this.#current) {
      const before = this.#current;
      this.#current = second;
      for (let over = before; over < second; over++) this.#boilDown(over);
    }
    this.#at(second).tally.send();
  }

  delay(intendedMs: number): void {
    this.#at(secondOf(intendedMs)).delayed++;
  }

  settle(intendedMs: number, outcome: Outcome, took: Took): void {
    const second = secondOf(intendedMs);
    this.#at(second).tally.settle(outcome, took);
    if (second < this.#current) this.#boilDown(second);
  }

  /** Moves a settled request, also in a row that is finished. */
  moveToTwice(intendedMs: number, earlier: Outcome, took: Took): void {
    const second = secondOf(intendedMs);
    const live = this.#live.get(second);
    const row = this.#rows[second];
    if (live !== undefined) live.tally.moveToTwice(earlier, took);
    else if (row !== undefined)
      this.#rows[second] = { ...row, ...moved(row, earlier, isWithin(took, this.#sloMs)) };
  }

  /** Every second up to the last with a request; `sent` 0 in those without. Everything must have settled. */
  rows(): TimelineRow[] {
    for (let second = 0; second <= this.#current; second++) this.#boilDown(second);
    return [...this.#rows];
  }

  #at(second: number): Second {
    let live = this.#live.get(second);
    if (live === undefined) {
      live = { tally: new Tally(this.#sloMs), delayed: 0 };
      this.#live.set(second, live);
    }
    return live;
  }

  /** Invariant 1. */
  #boilDown(second: number): void {
    if (this.#rows[second] !== undefined) return;
    const { tally, delayed } = this.#at(second);
    if (tally.open > 0) return;
    const row = { second, delayed, ...tally.report() };
    this.#rows[second] = row;
    this.#live.delete(second);
    this.#onRow(row);
  }
}

function secondOf(intendedMs: number): number {
  return Math.floor(intendedMs / 1000);
}

/** The counts of a finished row with one request less of `earlier` and one more answered twice. */
function moved(row: TimelineRow, earlier: Outcome, wasWithin: boolean): Partial<OutcomeReport> {
  const twice = row.twice + 1;
  switch (earlier.kind) {
    case "ok": {
      if (row.withinSlo === undefined || !wasWithin) return { twice, ok: row.ok - 1 };
      const withinSlo = row.withinSlo - 1;
      return { twice, ok: row.ok - 1, withinSlo, attainment: attainmentOf(withinSlo, row.sent) };
    }
    case "error": {
      const errors = row.errors.map((error) =>
        error.status === earlier.status && error.code === earlier.code
          ? { ...error, count: error.count - 1 }
          : error,
      );
      return { twice, failed: row.failed - 1, errors: errors.filter(({ count }) => count > 0) };
    }
    case "refused":
    case "timedOut":
    case "lost":
    case "twice":
      return {};
  }
}
