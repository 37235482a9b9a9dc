// A user's rule for one deployment as a policy. It runs elsewhere (`PolicyThread`) and is never waited for (`Asking`): each
// decision takes the last good answer.
//
// 1. Whatever the user's code does (throws, hangs, answers NaN, -1 or 2.5), the last good target stays and the decision says why.

import type { AutoscalingPolicy, ScalingDecision, ScalingSnapshot } from "../policy.ts";
import { AnsweredTarget, type AnsweredTargetOptions } from "./answered-target.ts";
import { Asking } from "./asking.ts";
import { judgeAnswer, type ReplicasAnswer } from "./policy-answer.ts";
import type { PolicyContext } from "./policy-context.ts";

/** Runs the user's function; rejects when it throws, and soon after `signal` aborts. */
export type PolicyCall = (context: PolicyContext, signal: AbortSignal) => Promise<unknown>;

export interface UserPolicyOptions extends AnsweredTargetOptions {
  readonly call: PolicyCall;
  /** Longest that a call may take. Default 10,000. */
  readonly deadlineMs?: number;
  /** How old an answer may be before it is asked again. Default 1,000. */
  readonly periodMs?: number;
  /** Called when an answer has come, so that a decision need not wait for the next review. */
  readonly wake?: () => void;
}

export class UserPolicy implements AutoscalingPolicy {
  readonly name = "user";
  readonly #asking: Asking<PolicyContext, ReplicasAnswer>;
  readonly #answered: AnsweredTarget;

  constructor(options: UserPolicyOptions) {
    this.#asking = new Asking({ wake: () => undefined, ...options, judge: judgeAnswer });
    this.#answered = new AnsweredTarget(options);
  }

  decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs } = snapshot;
    this.#asking.look(nowMs, () => this.#answered.context(snapshot, this.#asking.answer?.state ?? null));
    const { answer, fault } = this.#asking;
    const said =
      answer === undefined ? "the policy has not answered yet" : `the policy answered ${answer.replicas}`;
    const reviewAtMs = this.#asking.reviewAtMs(nowMs);
    return this.#answered.decide(snapshot, {
      wanted: answer?.replicas,
      said,
      fault, // invariant 1
      who: "The policy",
      reviewAtMs,
    });
  }
}
