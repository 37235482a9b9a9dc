// The rules that decide for several deployments together: one thread for each application's function, for as long as a
// deployment goes by it.
//
// 1. Deployments of one application with the same function share it, its thread and its answers.
// 2. The thread ends with the last of them.

import type { Logger } from "../../runtime/base/log/index.ts";
import {
  type ApplicationCall,
  ApplicationPolicy,
  type AnsweredTargetOptions,
  type PolicyThread,
} from "../autoscale/index.ts";
import { type PolicySource, policyUrl } from "../config/index.ts";
import type { RunningPolicy } from "./policy-of.ts";
import { policyThreadOf } from "./policy-thread-of.ts";

/** What such a rule has of one deployment. */
export interface ApplicationMember extends AnsweredTargetOptions {
  /** The function has answered. */
  readonly wake: () => void;
}

interface Shared {
  readonly policy: ApplicationPolicy;
  readonly thread: PolicyThread;
}

export class ApplicationPolicies {
  readonly #shared = new Map<string, Shared>();
  /** Where what users' functions print goes. */
  readonly log: Logger;

  constructor(log: Logger) {
    this.log = log;
  }

  /** The deployment's part of it; ends when it is disposed of. */
  join(source: PolicySource, member: ApplicationMember): RunningPolicy {
    const module = policyUrl(source);
    const name = source.exportName ?? "default";
    const key = JSON.stringify([member.appName, module, name, source.contents]);
    const application = member.appName;
    const shared =
      this.#shared.get(key) ?? start(application, policyThreadOf(source, { application }, this.log));
    this.#shared.set(key, shared); // invariant 1
    const policy = shared.policy.join(member);
    return {
      policy,
      [Symbol.asyncDispose]: async () => {
        if (!shared.policy.leave(policy) || shared.policy.size > 0) return;
        this.#shared.delete(key);
        await shared.thread.close(); // invariant 2
      },
    };
  }
}

function start(appName: string, thread: PolicyThread): Shared {
  const call: ApplicationCall = thread.call;
  return { thread, policy: new ApplicationPolicy({ appName, call }) };
}
