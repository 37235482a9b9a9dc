// One deployment's target out of what a user's function answered for it: within the bounds, after Ray's delays, with a reason.
//
// 1. Without an answer the target stays.
// 2. As in Ray, delays are laid over the answers when they are given.

import { clip, explain, type ScalingDecision, type ScalingSnapshot } from "../policy.ts";
import type { RayDelay } from "../ray-policy.ts";
import { contextOf, type PolicyContext } from "./policy-context.ts";

export interface AnsweredTargetOptions {
  readonly deploymentName: string;
  readonly appName: string;
  /** Of the average in its context. Default 30,000. */
  readonly lookBackMs?: number;
  readonly delay?: RayDelay;
}

/** What is known of the function's answers. */
export interface Told {
  /** Undefined: nothing for this deployment. */
  readonly wanted: number | undefined;
  /** `the policy answered 5`. */
  readonly said: string;
  /** `failed: …`, as the rest of a sentence; undefined when nothing is wrong. */
  readonly fault: string | undefined;
  /** Who failed, as the start of that sentence: `The policy`. */
  readonly who: string;
  readonly reviewAtMs: number;
}

export class AnsweredTarget {
  readonly #options: AnsweredTargetOptions;
  #lastScaleUpMs: number | undefined;
  #lastScaleDownMs: number | undefined;

  constructor(options: AnsweredTargetOptions) {
    this.#options = options;
  }

  /** What the function is told of the deployment. */
  context(snapshot: ScalingSnapshot, state: unknown): PolicyContext {
    const { deploymentName, appName, lookBackMs = 30_000 } = this.#options;
    const [lastScaleUpMs, lastScaleDownMs] = [this.#lastScaleUpMs, this.#lastScaleDownMs];
    return contextOf(snapshot, {
      deploymentName,
      appName,
      lookBackMs,
      state,
      lastScaleUpMs,
      lastScaleDownMs,
    });
  }

  decide({ nowMs, target, bounds }: ScalingSnapshot, told: Told): ScalingDecision {
    const wanted = told.wanted ?? target; // invariant 1
    const { delay } = this.#options;
    const settled = delay?.settle(clip(wanted, bounds), target, nowMs) ?? { target: wanted, note: "" }; // invariant 2
    const to = clip(settled.target, bounds);
    if (to > target) this.#lastScaleUpMs = nowMs;
    if (to < target) this.#lastScaleDownMs = nowMs;
    const allowed = to === wanted ? "" : `, ${bounds.min} to ${bounds.max} allowed`;
    const explanation = explain(target, to, `${told.said}${allowed}${settled.note}`);
    const { fault, reviewAtMs, who } = told;
    if (fault === undefined) return { target: to, explanation, reviewAtMs };
    return {
      target: to,
      explanation: `${explanation}; kept, since it ${fault}`,
      fault: `${who} ${fault}`,
      reviewAtMs,
    };
  }
}
