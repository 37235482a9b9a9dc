export { DecisionHistory, type PastDecision } from "./decision-history.ts";
export { HpaPolicy, type HpaPolicyOptions } from "./hpa-policy.ts";
export { KnativePolicy, type KnativePolicyOptions } from "./knative-policy.ts";
export { type LoadReading, LoadTracker } from "./load/load-tracker.ts";
export {
  type AutoscalingPolicy,
  explain,
  initialReplicas,
  type ReplicaBounds,
  type ScalingDecision,
  type ScalingSnapshot,
} from "./policy.ts";
export { RayDelay, RayPolicy, type RayPolicyOptions } from "./ray-policy.ts";
export { SloPolicy } from "./slo/slo-policy.ts";
export { StartUpTimes } from "./start-up-times.ts";
export type { AnsweredTargetOptions } from "./user/answered-target.ts";
export {
  type ApplicationCall,
  type ApplicationContexts,
  ApplicationPolicy,
} from "./user/application-policy.ts";
export type { PolicyContext } from "./user/policy-context.ts";
export { PolicyThread } from "./user/policy-thread.ts";
export { type PolicyCall, UserPolicy } from "./user/user-policy.ts";
