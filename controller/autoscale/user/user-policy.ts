// A user's rule as a policy. It runs elsewhere (`PolicyThread`) and is never waited for: each decision takes the last good
// answer, and asks anew when that is old enough.
//
// 1. Whatever the user's code does (throws, hangs, answers NaN, -1 or 2.5), the last good target stays and the decision says why.
// 2. One call at a time. A call past its deadline is aborted, and nothing is asked until it has ended.
// 3. After failures in a row it is asked less often, up to once a minute.
// 4. As in Ray, delays are laid over what it answers when they are given.

import { messageOf } from "../../../runtime/base/index.ts";
import {
  type AutoscalingPolicy,
  clip,
  duration,
  explain,
  type ScalingDecision,
  type ScalingSnapshot,
} from "../policy.ts";
import type { RayDelay } from "../ray-policy.ts";
import { judgeAnswer } from "./policy-answer.ts";
import { contextOf, type PolicyContext } from "./policy-context.ts";

/** Runs the user's function; rejects when it throws, and soon after `signal` aborts. */
export type PolicyCall = (context: PolicyContext, signal: AbortSignal) => Promise<unknown>;

export interface UserPolicyOptions {
  readonly call: PolicyCall;
  readonly deploymentName: string;
  readonly appName: string;
  /** Longest that a call may take. Default 10,000. */
  readonly deadlineMs?: number;
  /** How old an answer may be before it is asked again. Default 1,000. */
  readonly periodMs?: number;
  /** Of the average in its context. Default 30,000. */
  readonly lookBackMs?: number;
  /** Called when an answer has come, so that a decision need not wait for the next review. */
  readonly wake?: () => void;
  readonly delay?: RayDelay;
}

const LONGEST_PAUSE_MS = 60_000;

type Asked =
  | { readonly kind: "idle" }
  | { readonly kind: "called"; readonly sinceMs: number; readonly stop: AbortController }
  /** Past its deadline, and not ended yet. */
  | { readonly kind: "overdue"; readonly sinceMs: number };

export class UserPolicy implements AutoscalingPolicy {
  readonly name = "user";
  readonly #options: Required<Omit<UserPolicyOptions, "wake" | "delay">>;
  readonly #wake: () => void;
  readonly #delay: RayDelay | undefined;
  #asked: Asked = { kind: "idle" };
  #askedMs = Number.NEGATIVE_INFINITY;
  #last: { readonly replicas: number } | undefined;
  #state: unknown = null;
  #failures = 0;
  #fault: string | undefined;
  #lastScaleUpMs: number | undefined;
  #lastScaleDownMs: number | undefined;

  constructor(options: UserPolicyOptions) {
    this.#options = {
      call: options.call,
      deploymentName: options.deploymentName,
      appName: options.appName,
      deadlineMs: options.deadlineMs ?? 10_000,
      periodMs: options.periodMs ?? 1_000,
      lookBackMs: options.lookBackMs ?? 30_000,
    };
    this.#wake = options.wake ?? (() => undefined);
    this.#delay = options.delay;
  }

  decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs, target, bounds } = snapshot;
    this.#expire(nowMs);
    if (this.#asked.kind === "idle" && nowMs - this.#askedMs >= this.#pauseMs()) this.#ask(snapshot);
    const wanted = this.#last?.replicas ?? target;
    const settled = this.#delay?.settle(clip(wanted, bounds), target, nowMs) ?? { target: wanted, note: "" };
    const to = clip(settled.target, bounds);
    if (to > target) this.#lastScaleUpMs = nowMs;
    if (to < target) this.#lastScaleDownMs = nowMs;
    const said =
      this.#last === undefined ? "the policy has not answered yet" : `the policy answered ${wanted}`;
    const why = `${said}${to === wanted ? "" : `, ${bounds.min} to ${bounds.max} allowed`}${settled.note}`;
    const decision = {
      target: to,
      explanation: explain(target, to, why),
      reviewAtMs: this.#reviewAtMs(nowMs),
    };
    return this.#fault === undefined
      ? decision
      : {
          ...decision,
          explanation: `${decision.explanation}; kept, since it ${this.#fault}`,
          fault: `The policy ${this.#fault}`,
        };
  }

  #ask(snapshot: ScalingSnapshot): void {
    const stop = new AbortController();
    this.#asked = { kind: "called", sinceMs: snapshot.nowMs, stop };
    this.#askedMs = snapshot.nowMs;
    const { deploymentName, appName, lookBackMs, call } = this.#options;
    const extras = { deploymentName, appName, lookBackMs, state: this.#state };
    const times = { lastScaleUpMs: this.#lastScaleUpMs, lastScaleDownMs: this.#lastScaleDownMs };
    const context = contextOf(snapshot, { ...extras, ...times });
    void (async () => {
      try {
        this.#answered(await call(context, stop.signal), stop.signal);
      } catch (error) {
        if (!stop.signal.aborted) this.#failed(`failed: ${messageOf(error)}`);
      }
      this.#asked = { kind: "idle" };
      this.#wake();
    })();
  }

  #answered(answer: unknown, signal: AbortSignal): void {
    if (signal.aborted) return; // too late is no answer
    const judged = judgeAnswer(answer);
    if (judged.kind === "unusable") {
      this.#failed(judged.why);
      return;
    }
    this.#last = { replicas: judged.replicas };
    this.#state = judged.state;
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
    if (this.#asked.kind !== "called" || nowMs - this.#asked.sinceMs < this.#options.deadlineMs) return;
    const { stop, sinceMs } = this.#asked;
    this.#asked = { kind: "overdue", sinceMs };
    this.#failed(`did not answer within ${duration(this.#options.deadlineMs)}`);
    stop.abort();
  }

  /** Invariant 3. */
  #pauseMs(): number {
    const { periodMs } = this.#options;
    return Math.max(periodMs, Math.min(LONGEST_PAUSE_MS, periodMs * 2 ** Math.min(this.#failures, 16)));
  }

  #reviewAtMs(nowMs: number): number {
    if (this.#asked.kind === "called") return this.#asked.sinceMs + this.#options.deadlineMs;
    return Math.max(nowMs, this.#askedMs + this.#pauseMs());
  }
}
