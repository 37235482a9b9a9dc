// How a batcher without a view of the whole decides for one replica: what of its queue runs now.

import type { WaitingLine } from "./waiting-line.ts";

export type BatchVerdict =
  | { readonly kind: "send"; readonly requests: number }
  | { readonly kind: "wait"; readonly untilMs: number }
  /** So many of the oldest are refused; then it is asked again. */
  | { readonly kind: "refuse"; readonly requests: number };

export interface BatchMoment {
  readonly line: WaitingLine;
  readonly nowMs: number;
  /** Since when the replica has been free. */
  readonly freeMs: number;
}

export interface BatchRule {
  /** Asked when the replica is free and somebody waits. */
  decide(moment: BatchMoment): BatchVerdict;
  /** A batch ran. */
  observed?(requests: number, ms: number): void;
  /** A batch is sent, of which the oldest has waited so long. */
  sending?(waitedMs: number): void;
}

/**
 * A fixed size and a fixed wait. Ray's `@serve.batch` takes its first request when the replica is free and counts the
 * wait from there; Triton counts it from when the oldest was queued, and can refuse what has queued for too long.
 */
export class FixedBatchRule implements BatchRule {
  readonly #maxBatch: number;
  readonly #waitMs: number;
  readonly #from: "free" | "arrival";
  readonly #queueTimeoutMs: number;

  constructor(options: {
    readonly maxBatch: number;
    readonly waitMs: number;
    readonly countFrom: "free" | "arrival";
    readonly queueTimeoutMs?: number;
  }) {
    this.#maxBatch = options.maxBatch;
    this.#waitMs = options.waitMs;
    this.#from = options.countFrom;
    this.#queueTimeoutMs = options.queueTimeoutMs ?? Number.POSITIVE_INFINITY;
  }

  decide({ line, nowMs, freeMs }: BatchMoment): BatchVerdict {
    const { headMs } = line;
    if (nowMs - headMs > this.#queueTimeoutMs) return { kind: "refuse", requests: 1 };
    if (line.length >= this.#maxBatch) return { kind: "send", requests: this.#maxBatch };
    const untilMs = (this.#from === "free" ? Math.max(freeMs, headMs) : headMs) + this.#waitMs;
    return nowMs < untilMs ? { kind: "wait", untilMs } : { kind: "send", requests: line.length };
  }
}
