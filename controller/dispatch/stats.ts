// Counters of one deployment, in Triton's categories, as plain numbers: the hot path adds, readers copy.

import { BATCH_REASONS, type BatchReason } from "./batch-reason.ts";

export interface DurationStat {
  count: number;
  ns: number;
}

const duration = (): DurationStat => ({ count: 0, ns: 0 });

export interface BatchSizeStat {
  readonly compute_input: DurationStat;
  readonly compute_infer: DurationStat;
  readonly compute_output: DurationStat;
}

/** The counters at one moment, as plain data. */
export type StatsSnapshot = {
  readonly [Name in Exclude<
    keyof DispatchStats,
    `count${string}` | "snapshot" | "reasons" | "batches"
  >]: DispatchStats[Name];
} & {
  readonly reasons: Readonly<Record<string, number>>;
  /** By rows of the batch. */
  readonly batches: Readonly<Record<string, BatchSizeStat>>;
};

export class DispatchStats {
  /** Rows answered. */
  inferenceCount = 0;
  /** Batches run. */
  executionCount = 0;
  /** Unix epoch milliseconds of the last answer; 0 before the first. */
  lastInferenceMs = 0;
  /** Requests refused at once. */
  refused = 0;
  /** Requests dropped from the queue because they could not be in time. */
  shed = 0;
  /** Requests dropped from a full queue for others that come before them. */
  displaced = 0;
  /** Requests that ran again: their batch failed, or their replica refused it or died. */
  requeued = 0;
  /** Second copies sent, and those that were answered first. */
  hedged = 0;
  hedgesWon = 0;
  /** Requests sent, by why their batch had no more rows. */
  readonly reasons = new Map<BatchReason, number>(BATCH_REASONS.map((reason) => [reason, 0]));
  readonly success = duration();
  readonly fail = duration();
  readonly queue = duration();
  readonly computeInput = duration();
  readonly computeInfer = duration();
  readonly computeOutput = duration();
  /** By rows of the batch. */
  readonly batches = new Map<number, BatchSizeStat>();

  snapshot(): StatsSnapshot {
    const { reasons, batches, ...counts } = this;
    return structuredClone({
      ...counts,
      reasons: Object.fromEntries(reasons),
      batches: Object.fromEntries(batches),
    });
  }

  countBatch(rows: number, [input, infer, output]: readonly [number, number, number]): void {
    this.executionCount++;
    let stat = this.batches.get(rows);
    if (stat === undefined) {
      stat = { compute_input: duration(), compute_infer: duration(), compute_output: duration() };
      this.batches.set(rows, stat);
    }
    add(stat.compute_input, input);
    add(stat.compute_infer, infer);
    add(stat.compute_output, output);
  }

  countSuccess(rows: number, totalNs: number, queueNs: number): void {
    this.inferenceCount += rows;
    add(this.success, totalNs);
    add(this.queue, queueNs);
  }

  countCompute([input, infer, output]: readonly [number, number, number]): void {
    add(this.computeInput, input);
    add(this.computeInfer, infer);
    add(this.computeOutput, output);
  }

  countSent(reason: BatchReason, requests: number): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + requests);
  }

  countFailure(totalNs: number): void {
    add(this.fail, totalNs);
  }
}

function add(stat: DurationStat, ns: number): void {
  stat.count++;
  stat.ns += ns;
}

/** Of two dispatchers together. */
export function addSnapshots(a: StatsSnapshot, b: StatsSnapshot): StatsSnapshot {
  return {
    inferenceCount: a.inferenceCount + b.inferenceCount,
    executionCount: a.executionCount + b.executionCount,
    lastInferenceMs: Math.max(a.lastInferenceMs, b.lastInferenceMs),
    refused: a.refused + b.refused,
    shed: a.shed + b.shed,
    displaced: a.displaced + b.displaced,
    requeued: a.requeued + b.requeued,
    hedged: a.hedged + b.hedged,
    hedgesWon: a.hedgesWon + b.hedgesWon,
    reasons: joined(a.reasons, b.reasons, (one, other) => one + other),
    success: addDurations(a.success, b.success),
    fail: addDurations(a.fail, b.fail),
    queue: addDurations(a.queue, b.queue),
    computeInput: addDurations(a.computeInput, b.computeInput),
    computeInfer: addDurations(a.computeInfer, b.computeInfer),
    computeOutput: addDurations(a.computeOutput, b.computeOutput),
    batches: joined(a.batches, b.batches, addBatchSizes),
  };
}

function addDurations(a: DurationStat, b: DurationStat): DurationStat {
  return { count: a.count + b.count, ns: a.ns + b.ns };
}

function addBatchSizes(a: BatchSizeStat, b: BatchSizeStat): BatchSizeStat {
  return {
    compute_input: addDurations(a.compute_input, b.compute_input),
    compute_infer: addDurations(a.compute_infer, b.compute_infer),
    compute_output: addDurations(a.compute_output, b.compute_output),
  };
}

function joined<Value>(
  a: Readonly<Record<string, Value>>,
  b: Readonly<Record<string, Value>>,
  add: (a: Value, b: Value) => Value,
): Record<string, Value> {
  const both = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = both[key];
    both[key] = before === undefined ? value : add(before, value);
  }
  return both;
}
