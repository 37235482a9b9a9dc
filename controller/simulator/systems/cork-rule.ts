// BentoML's CORK dispatcher (bentoml marshal/dispatcher.py, 32230a5), one per replica.
//
// 1. t = a·n + b by unweighted least squares over the last 50 batches, refreshed every 5 s; `wait` is the mean wait of the
//    oldest of those batches.
// 2. More than one waits and the oldest would be late with all of them: the oldest is cancelled.
// 3. Fewer than the maximum, and another millisecond of waiting costs them less than 0.95 of `wait`: keep waiting.
// 4. It polls every millisecond.

import type { BatchMoment, BatchRule, BatchVerdict } from "./batch-rule.ts";

const KEPT = 50;
const REFRESH_MS = 5_000;
const POLL_MS = 1;
const SKIPPED = 2;
const DECAY = 0.95;
const TRAINING = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3];

export interface CorkOptions {
  /** Default 100. */
  readonly maxBatch?: number;
  /** Default 60,000. */
  readonly maxLatencyMs?: number;
}

interface Sample {
  readonly requests: number;
  readonly ms: number;
  readonly waitedMs: number;
}

export class CorkRule implements BatchRule {
  readonly #maxBatch: number;
  readonly #maxLatencyMs: number;
  readonly #samples: Sample[] = [];
  #seen = 0;
  #perRequest: number;
  #fixed: number;
  #waitMs = 0;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #waitedMs = 0;

  constructor({ maxBatch = 100, maxLatencyMs = 60_000 }: CorkOptions = {}) {
    this.#maxBatch = maxBatch;
    this.#maxLatencyMs = maxLatencyMs;
    this.#perRequest = Math.min(2_000, (2 * maxLatencyMs) / 30);
    this.#fixed = Math.min(1_000, maxLatencyMs / 30);
  }

  decide({ line, nowMs }: BatchMoment): BatchVerdict {
    const waiting = line.length;
    const trained = TRAINING[this.#seen];
    if (trained !== undefined) return { kind: "send", requests: Math.min(trained, waiting) };
    this.#refresh(nowMs);
    const oldestMs = nowMs - line.headMs;
    const youngestMs = nowMs - line.tailMs;
    if (waiting > 1 && oldestMs + this.#perRequest * waiting + this.#fixed >= this.#maxLatencyMs) {
      return { kind: "refuse", requests: 1 }; // invariant 2
    }
    const cost = waiting * (youngestMs + POLL_MS + this.#perRequest);
    if (waiting < this.#maxBatch && cost <= DECAY * this.#waitMs) {
      return { kind: "wait", untilMs: nowMs + POLL_MS }; // invariants 3 and 4
    }
    return { kind: "send", requests: Math.min(waiting, this.#maxBatch) };
  }

  sending(waitedMs: number): void {
    this.#waitedMs = waitedMs;
  }

  observed(requests: number, ms: number): void {
    this.#seen++;
    if (this.#seen <= SKIPPED) return;
    this.#samples.push({ requests, ms, waitedMs: this.#waitedMs });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  /** Invariant 1. */
  #refresh(nowMs: number): void {
    const count = this.#samples.length;
    if (nowMs - this.#refreshedMs < REFRESH_MS || count === 0) return;
    this.#refreshedMs = nowMs;
    let [x, y, xx, xy, waited] = [0, 0, 0, 0, 0];
    for (const { requests, ms, waitedMs } of this.#samples) {
      x += requests;
      y += ms;
      xx += requests * requests;
      xy += requests * ms;
      waited += waitedMs;
    }
    const spread = count * xx - x * x;
    // Batches of one size only: the pseudo-inverse gives the smallest solution.
    const size = x / count;
    const slope = spread > 1e-9 ? (count * xy - x * y) / spread : ((y / count) * size) / (size * size + 1);
    this.#perRequest = Math.max(1e-3, slope);
    this.#fixed = Math.max(0, y / count - slope * size);
    this.#waitMs = waited / count;
  }
}
