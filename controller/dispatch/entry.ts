// One admitted request while the dispatcher has it.
//
//   queued ──► sent ──► settled        a sent entry goes back to queued when its batch was not its own fault
//      └──────────────────▲
//
// 1. `resolve` or `reject` is called exactly once, by `settle`.

import type { ShoalError } from "../../runtime/base/index.ts";
import type { Batch } from "./batch.ts";
import type { InferResult, Work } from "./request.ts";

export type EntryState =
  | { readonly kind: "queued" }
  | { readonly kind: "sent"; readonly batch: Batch }
  | { readonly kind: "settled" };

const QUEUED: EntryState = { kind: "queued" };
const SETTLED: EntryState = { kind: "settled" };

export class Entry {
  readonly work: Work;
  readonly rows: number;
  readonly joinKey: string;
  readonly admittedMs: number;
  /** `Clock.nowMs` at which the caller stops waiting. */
  deadlineMs: number;
  readonly result: Promise<InferResult>;
  state: EntryState = QUEUED;
  /** When it last entered the queue: what a wait for company is counted from. */
  queuedMs: number;
  /** Shares no batch: a web request, or a member of a batch that failed as a whole, so that it fails alone. */
  alone: boolean;
  /** Was at a replica that died: runs with no other batch beside it, so that nobody is blamed for another. */
  suspect = false;
  /** Times it was sent and came back unanswered. */
  returns = 0;

  // Links of the two lists it is in while queued: all entries, and those of its join key.
  previous: Entry | undefined;
  next: Entry | undefined;
  previousAlike: Entry | undefined;
  nextAlike: Entry | undefined;
  // Links of the list of open entries, until it is settled.
  previousOpen: Entry | undefined;
  nextOpen: Entry | undefined;

  readonly #resolve: (result: InferResult) => void;
  readonly #reject: (error: ShoalError) => void;

  constructor(work: Work, nowMs: number, deadlineMs: number) {
    this.work = work;
    this.rows = work.kind === "infer" ? work.rows : 1;
    this.joinKey = work.kind === "infer" ? work.joinKey : "fetch";
    this.admittedMs = nowMs;
    this.queuedMs = nowMs;
    this.deadlineMs = deadlineMs;
    this.alone = work.kind === "fetch";
    const { promise, resolve, reject } = Promise.withResolvers<InferResult>();
    this.result = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  markSent(batch: Batch): void {
    this.state = { kind: "sent", batch };
  }

  markQueued(nowMs: number): void {
    this.state = QUEUED;
    this.queuedMs = nowMs;
  }

  /** Invariant 1: the first outcome counts; false when there was one already. */
  settle(outcome: InferResult | ShoalError): boolean {
    if (this.state.kind === "settled") return false;
    this.state = SETTLED;
    if (outcome instanceof Error) this.#reject(outcome);
    else this.#resolve(outcome);
    return true;
  }
}
