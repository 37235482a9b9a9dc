// A user's rule for several deployments of an application: one function is told of all of them and answers for all of them.
// Each deployment has a policy of its own here, which takes its part of the last good answer.
//
// 1. Whatever the user's code does, every deployment keeps its last good target and its decision says why.
// 2. An answer is taken as a whole or not at all. As in Ray, a deployment that it leaves out keeps its target.
// 3. It is asked once for all, with what every deployment looks like at the end of the same turn.

import type { AutoscalingPolicy, ScalingDecision, ScalingSnapshot } from "../policy.ts";
import { AnsweredTarget, type AnsweredTargetOptions } from "./answered-target.ts";
import { Asking } from "./asking.ts";
import { type ApplicationAnswer, judgeAnswers } from "./policy-answer.ts";
import type { PolicyContext } from "./policy-context.ts";

/** What the function is told, by deployment. */
export type ApplicationContexts = Readonly<Record<string, PolicyContext>>;

/** Runs the user's function; rejects when it throws, and soon after `signal` aborts. */
export type ApplicationCall = (contexts: ApplicationContexts, signal: AbortSignal) => Promise<unknown>;

export interface ApplicationPolicyOptions {
  readonly appName: string;
  readonly call: ApplicationCall;
  /** Longest that a call may take. Default 10,000. */
  readonly deadlineMs?: number;
  /** How old an answer may be before it is asked again. Default 1,000. */
  readonly periodMs?: number;
}

export interface MemberOptions extends Omit<AnsweredTargetOptions, "appName"> {
  /** Called when an answer has come, so that a decision need not wait for the next review. */
  readonly wake: () => void;
}

interface Member {
  readonly policy: AutoscalingPolicy;
  readonly answered: AnsweredTarget;
  readonly wake: () => void;
  /** Undefined until it was looked at. */
  snapshot: ScalingSnapshot | undefined;
}

export class ApplicationPolicy {
  readonly #appName: string;
  readonly #asking: Asking<ApplicationContexts, ApplicationAnswer>;
  /** By name; a deployment whose settings have changed joins anew before it leaves, or after. */
  readonly #members = new Map<string, Member>();

  constructor({ appName, ...options }: ApplicationPolicyOptions) {
    this.#appName = appName;
    this.#asking = new Asking({
      ...options,
      judge: (answer, contexts, last) => judgeAnswers(answer, Object.keys(contexts), last), // invariant 2
      wake: () => {
        for (const { wake } of this.#members.values()) wake();
      },
    });
  }

  /** Deployments that it decides for. */
  get size(): number {
    return this.#members.size;
  }

  /** The deployment's part; in place of what it had before. */
  join(options: MemberOptions): AutoscalingPolicy {
    const { deploymentName, wake } = options;
    const answered = new AnsweredTarget({ ...options, appName: this.#appName });
    const policy: AutoscalingPolicy = {
      name: "application",
      decide: (snapshot) => this.#decide(deploymentName, member, snapshot),
    };
    const member: Member = { policy, answered, wake, snapshot: undefined };
    this.#members.set(deploymentName, member);
    return policy;
  }

  /** It decides for this part no more. False when it did not: another is in its place. */
  leave(policy: AutoscalingPolicy): boolean {
    const found = [...this.#members].find(([, member]) => member.policy === policy);
    return found !== undefined && this.#members.delete(found[0]);
  }

  #decide(name: string, member: Member, snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs } = snapshot;
    member.snapshot = snapshot;
    this.#asking.look(nowMs, () => this.#contexts()); // invariant 3
    const { answer, fault } = this.#asking;
    const wanted = answer?.replicas.get(name);
    return member.answered.decide(snapshot, {
      wanted,
      said: `the application's policy ${saidOf(answer, wanted)}`,
      fault, // invariant 1
      who: "The application's policy",
      reviewAtMs: this.#asking.reviewAtMs(nowMs),
    });
  }

  #contexts(): ApplicationContexts {
    const states = this.#asking.answer?.states;
    const contexts = [...this.#members].flatMap(([name, { answered, snapshot }]) =>
      snapshot === undefined ? [] : [[name, answered.context(snapshot, states?.get(name) ?? null)] as const],
    );
    return Object.fromEntries(contexts);
  }
}

function saidOf(answer: ApplicationAnswer | undefined, wanted: number | undefined): string {
  if (answer === undefined) return "has not answered yet";
  return wanted === undefined ? "left it out" : `answered ${wanted}`;
}
