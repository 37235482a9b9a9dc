// What became of the requests of a run, each counted once, by the second in which its client first sent it.
//
// 1. A request is good when an attempt of it was answered within the objective of its first sending.
// 2. Requests sent during the warm-up are not counted.

import { Latencies } from "./latencies.ts";

/** How a request ended for its client. */
export type Ending = "good" | "late" | "refused" | "failed" | "abandoned";

export class Tally {
  /** Of answers. */
  readonly latencies = new Latencies();
  /** From the first sending to the refusal, of those that were refused. */
  readonly refusals = new Latencies();
  readonly #warmUpMs: number;
  readonly #counts: Record<Ending, number> = { good: 0, late: 0, refused: 0, failed: 0, abandoned: 0 };
  readonly #offeredPerSecond: Float64Array;
  readonly #goodPerSecond: Float64Array;
  #offered = 0;
  #batches = 0;
  #batched = 0;

  constructor(seconds: number, warmUpMs: number) {
    this.#warmUpMs = warmUpMs;
    this.#offeredPerSecond = new Float64Array(Math.ceil(seconds) + 1);
    this.#goodPerSecond = new Float64Array(Math.ceil(seconds) + 1);
  }

  offered(sentMs: number): void {
    bump(this.#offeredPerSecond, sentMs);
    if (sentMs >= this.#warmUpMs) this.#offered++; // invariant 2
  }

  /** A request ended, so long after it was first sent. */
  ended(ending: Ending, sentMs: number, latencyMs: number): void {
    if (ending === "good") bump(this.#goodPerSecond, sentMs);
    if (sentMs < this.#warmUpMs) return; // invariant 2
    this.#counts[ending]++;
    if (ending === "good" || ending === "late") this.latencies.add(latencyMs);
    if (ending === "refused") this.refusals.add(latencyMs);
  }

  ran(requests: number): void {
    this.#batches++;
    this.#batched += requests;
  }

  get counts(): Readonly<Record<Ending, number>> & { readonly offered: number } {
    return { ...this.#counts, offered: this.#offered };
  }

  get meanBatch(): number {
    return this.#batches === 0 ? 0 : this.#batched / this.#batches;
  }

  get perSecond(): { readonly offered: Float64Array; readonly good: Float64Array } {
    return { offered: this.#offeredPerSecond, good: this.#goodPerSecond };
  }

  /** Share of good requests in the worst minute that had any; NaN when none had. */
  worstMinute(): number {
    let worst = Number.NaN;
    const from = Math.ceil(this.#warmUpMs / 1_000);
    for (let minute = from; minute < this.#offeredPerSecond.length; minute += 60) {
      let [offered, good] = [0, 0];
      for (let second = minute; second < minute + 60; second++) {
        offered += this.#offeredPerSecond[second] ?? 0;
        good += this.#goodPerSecond[second] ?? 0;
      }
      if (offered > 0 && !(worst < good / offered)) worst = good / offered;
    }
    return worst;
  }
}

function bump(series: Float64Array, atMs: number): void {
  const second = Math.min(series.length - 1, Math.floor(atMs / 1_000));
  series[second] = (series[second] ?? 0) + 1;
}
