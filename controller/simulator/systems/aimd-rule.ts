// Clipper's adaptive batch size (NSDI'17, §4.3.1): grows by a constant while batches are within the objective, falls by a
// tenth when one is not. One per replica, on a queue that they share.

import type { BatchMoment, BatchRule, BatchVerdict } from "./batch-rule.ts";

const DECREASE = 0.9;

export class AimdRule implements BatchRule {
  readonly #maxBatch: number;
  readonly #latencyMs: number;
  readonly #step: number;
  #size = 1;

  /** `latencyMs` is what a batch may take: the objective in the paper. `step` is the growth per batch, default 1. */
  constructor(options: { readonly maxBatch: number; readonly latencyMs: number; readonly step?: number }) {
    this.#maxBatch = options.maxBatch;
    this.#latencyMs = options.latencyMs;
    this.#step = options.step ?? 1;
  }

  decide({ line }: BatchMoment): BatchVerdict {
    return { kind: "send", requests: Math.min(line.length, Math.max(1, Math.floor(this.#size))) };
  }

  observed(requests: number, ms: number): void {
    if (ms > this.#latencyMs) this.#size = Math.max(1, this.#size * DECREASE);
    else if (requests >= Math.floor(this.#size))
      this.#size = Math.min(this.#maxBatch, this.#size + this.#step);
  }
}
