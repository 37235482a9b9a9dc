// One admitted request while the dispatcher has it.
//
//   queued ──► sent ──► settled        a sent entry goes back to queued when its batch was not its own fault
//      └──────────────────▲
//
// 1. `resolve` or `reject` is called exactly once, by `settle`.

import type { ShoalError } from "../../runtime/base/index.ts";
import type { Batch } from "./batch.ts";
import type { Lane } from "./fair-band.ts";
import type { InferResult, Work } from "./request.ts";

export type EntryState =
  | { readonly kind: "queued" }
  | { readonly kind: "sent"; readonly batch: Batch }
  | { readonly kind: "settled" };

const QUEUED: EntryState = { kind: "queued" };
const SETTLED: EntryState = { kind: "settled" };

/** Where an entry stands among others. */
export interface Standing {
  /** 0 high, 1 normal, 2 low. */
  readonly band: number;
  readonly tenant: string;
  /** `Clock.nowMs` by which it is to be answered: its deadline, or the objective where that is earlier. */
  readonly dueMs: number;
}

export class Entry {
  readonly work: Work;
  readonly rows: number;
  readonly joinKey: string;
  readonly band: number;
  readonly tenant: string;
  readonly dueMs: number;
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
  /** Its answer has begun to flow: no time counts any more. */
  begun = false;
  /** Times it was sent and came back unanswered. */
  returns = 0;

  /** A second copy of it that is under way. */
  twin: Entry | undefined;
  /** What it is a second copy of: whoever waits for the answer. */
  original: Entry | undefined;

  /** Given by the queue: the order of admission. */
  sequence = 0;
  /** The list it waits in, and its place there. */
  lane: Lane | undefined;
  laneIndex = -1;
  /** Its place among those open; below 0 once it is settled, and of a copy. */
  openIndex = -1;

  readonly #resolve: (result: InferResult) => void;
  readonly #reject: (error: ShoalError) => void;

  constructor(work: Work, nowMs: number, deadlineMs: number, standing?: Standing) {
    this.work = work;
    this.rows = work.kind === "infer" ? work.rows : 1;
    this.joinKey = work.kind === "infer" ? work.joinKey : "fetch";
    this.band = standing?.band ?? 1;
    this.tenant = standing?.tenant ?? "";
    this.dueMs = standing?.dueMs ?? deadlineMs;
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
