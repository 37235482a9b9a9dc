// A user's function that is asked now and then and never waited for: its last good answer, and what is wrong with it since.
//
// 1. Whatever the user's code does (throws, hangs, answers nonsense), the last good answer stays and `fault` says why.
// 2. One call at a time. A call past its deadline is aborted, and nothing is asked until it has ended.
// 3. After failures in a row it is asked less often, up to once a minute.
// 4. The context is made at the end of the turn, when all that is looked at in that turn has been.

import { messageOf } from "../../../runtime/base/index.ts";
import { duration } from "../policy.ts";

/** An answer of the function: one that can be used, or what is wrong with it, as `answered NaN, a … was wanted`. */
export type Judged<Answer> =
  | { readonly kind: "good"; readonly answer: Answer }
  | { readonly kind: "unusable"; readonly why: string };

export interface AskingOptions<Context, Answer> {
  /** Runs the user's function; rejects when it throws, and soon after `signal` aborts. */
  readonly call: (context: Context, signal: AbortSignal) => Promise<unknown>;
  readonly judge: (answer: unknown, context: Context, last: Answer | undefined) => Judged<Answer>;
  /** Called when an answer has come, or a failure, so that a decision need not wait for the next review. */
  readonly wake: () => void;
  /** Longest that a call may take. Default 10,000. */
  readonly deadlineMs?: number;
  /** How old an answer may be before it is asked again. Default 1,000. */
  readonly periodMs?: number;
}

const LONGEST_PAUSE_MS = 60_000;

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "called"; readonly sinceMs: number; readonly stop: AbortController }
  /** Past its deadline, and not ended yet. */
  | { readonly kind: "overdue"; readonly sinceMs: number };

export class Asking<Context, Answer> {
  readonly #options: Required<AskingOptions<Context, Answer>>;
  #state: State = { kind: "idle" };
  #askedMs = Number.NEGATIVE_INFINITY;
  #answer: Answer | undefined;
  #failures = 0;
  #fault: string | undefined;

  constructor(options: AskingOptions<Context, Answer>) {
    this.#options = { deadlineMs: 10_000, periodMs: 1_000, ...options };
  }

  /** The last good one; undefined before the first. */
  get answer(): Answer | undefined {
    return this.#answer;
  }

  /** What it did instead of a good answer, as `failed: …`; undefined when the last call was good. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Ends a call past its deadline; asks when the last answer is old enough. */
  look(nowMs: number, context: () => Context): void {
    this.#expire(nowMs);
    if (this.#state.kind === "idle" && nowMs - this.#askedMs >= this.#pauseMs()) this.#ask(nowMs, context);
  }

  /** Look again then, should nothing happen before. */
  reviewAtMs(nowMs: number): number {
    if (this.#state.kind === "called") return this.#state.sinceMs + this.#options.deadlineMs;
    return Math.max(nowMs, this.#askedMs + this.#pauseMs());
  }

  #ask(nowMs: number, contextNow: () => Context): void {
    const stop = new AbortController();
    this.#state = { kind: "called", sinceMs: nowMs, stop };
    this.#askedMs = nowMs;
    void (async () => {
      try {
        await Promise.resolve(); // invariant 4
        const context = contextNow();
        const answer = await this.#options.call(context, stop.signal);
        if (!stop.signal.aborted) this.#answered(this.#options.judge(answer, context, this.#answer)); // else too late
      } catch (error) {
        if (!stop.signal.aborted) this.#failed(`failed: ${messageOf(error)}`);
      }
      this.#state = { kind: "idle" };
      this.#options.wake();
    })();
  }

  #answered(judged: Judged<Answer>): void {
    if (judged.kind === "unusable") {
      this.#failed(judged.why);
      return;
    }
    this.#answer = judged.answer;
    this.#failures = 0;
    this.#fault = undefined;
  }

  /** Invariant 1: only what is said changes. */
  #failed(why: string): void {
    this.#failures++;
    this.#fault = why;
  }

  /** Invariant 2. */
  #expire(nowMs: number): void {
    if (this.#state.kind !== "called" || nowMs - this.#state.sinceMs < this.#options.deadlineMs) return;
    const { stop, sinceMs } = this.#state;
    this.#state = { kind: "overdue", sinceMs };
    this.#failed(`did not answer within ${duration(this.#options.deadlineMs)}`);
    stop.abort();
  }

  /** Invariant 3. */
  #pauseMs(): number {
    const { periodMs } = this.#options;
    return Math.max(periodMs, Math.min(LONGEST_PAUSE_MS, periodMs * 2 ** Math.min(this.#failures, 16)));
  }
}
