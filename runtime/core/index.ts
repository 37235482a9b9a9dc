// The public surface of Shoal's core: the runtime with its tasks, actors and objects; actors in processes of their own, and
// the resources they hold.

export type { ActorFactory, ActorHandle, ActorMethod, ActorModule } from "./api/actor-handles.ts";
export { ObjectRef, StreamRef } from "./api/object-ref.ts";
export type {
  ActorOptions as RuntimeActorOptions,
  MethodOptions,
  PlacementGroupOptions,
  SchedulingStrategy,
  TaskOptions,
} from "./api/options.ts";
export { PlacementGroup } from "./api/placement-group.ts";
export type { ActorStatus } from "./api/core.ts";
export type { NodeOptions, RuntimeOptions } from "./api/runtime-options.ts";
export { type GetOptions, Runtime, type Values } from "./api/runtime.ts";
export type { WorkerLine } from "./worker-logs.ts";
export type { ListOptions, ResourceTotals, Summaries } from "./api/state-queries.ts";
export * from "./state/index.ts";
export { findRuntimes, readRows } from "./state-client.ts";
export type { TaskFunction, TaskModule, TaskResult, TaskResults } from "./api/task-functions.ts";
export { currentTask, type TaskContext } from "./worker/task-context.ts";

export { type ActorOptions } from "./actor-options.ts";
export { type OutputStream } from "./actor-process.ts";
export {
  type ActorState,
  type ActorStateKind,
  type ActorTransition,
  describeExit,
  type ExitReason,
} from "./actor-state.ts";
export type {
  ActorClass,
  ArgsOf,
  CallName,
  InfoOf,
  InstanceOf,
  ItemOf,
  ResultOf,
  StreamName,
} from "./actor-types.ts";
export { ProcessActor } from "./actor.ts";
export { type CallContext, currentCall } from "./call-context.ts";
export type { CallOptions, StreamOptions } from "./call-table.ts";
export { detectResources } from "./detect-resources.ts";
export { isRunning } from "./is-running.ts";
export {
  type Acquisition,
  type ResourceAmounts,
  type ResourceLease,
  ResourceLedger,
  type ResourceShortage,
  type ResourceSnapshot,
} from "./resources.ts";
export { type BackoffPolicy } from "./restart-policy.ts";
