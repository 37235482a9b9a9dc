export type { Action } from "./action.ts";
export {
  type ApplicationState,
  type ApplicationStatus,
  applicationStatus,
  type ApplicationView,
} from "./application.ts";
export { DEFAULT_ROLLOUT, type DesiredDeployment, type RolloutPolicy } from "./desired.ts";
export { type ChangedField, classify, type ConfigChange, type FieldClass } from "./field-classes.ts";
export { FIRST_MEMORY, type LastingMemory, lastingPart, type Memory, recover } from "./memory.ts";
export type { FailureReport, ObservedDeployment, ObservedReplica, ReplicaPhase } from "./observed.ts";
export { plan, type Planned } from "./plan.ts";
export { quietReplicas } from "./quiet.ts";
export { replan, type Remembered } from "./replan.ts";
export type { DeploymentState, PlannedStatus, ReplicaStateName, StatusTrigger } from "./status.ts";
export { type DeploymentVersion, keyOf, type Revision, revisionOf, shortVersion } from "./version.ts";
