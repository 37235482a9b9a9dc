// The public surface of Shoal's core: the runtime with its tasks, actors, objects and placement groups.

export type {
  ActorFactory,
  ActorHandle,
  ActorMethod,
  ActorModule,
  BoundActor,
  BoundMethod,
} from "./api/actor-handles.ts";
export { ObjectRef, StreamRef } from "./api/object-ref.ts";
export type {
  ActorOptions,
  MethodOptions,
  PlacementGroupOptions,
  SchedulingStrategy,
  TaskOptions,
} from "./api/options.ts";
export { PlacementGroup } from "./api/placement-group.ts";
export type { ActorWatcher } from "./api/core.ts";
export type { ActorStatus } from "./workers/messages.ts";
export type { NpmOptions, RuntimeEnv } from "./environments/runtime-env.ts";
export type { NodeOptions, RuntimeOptions } from "./api/runtime-options.ts";
export { type GetOptions, type NamedActor, Runtime, type Values } from "./api/runtime.ts";
export type { StackedTask, StacksOptions, WorkerStack } from "./stacks/worker-stack.ts";
export type { WorkerLine } from "./logs/worker-logs.ts";
export type { ListOptions, ResourceTotals, Summaries } from "./api/state-queries.ts";
export type * from "./graph/index.ts";
export * from "./state/index.ts";
export { findRuntimes, readRows, readStacks } from "./state/state-client.ts";
export type { TaskFunction, TaskModule, TaskResult, TaskResults } from "./api/task-functions.ts";
export { currentTask, type TaskContext } from "./worker/task-context.ts";

export type { ActorClass, ArgsOf, InstanceOf } from "./api/actor-class.ts";
export { isRunning } from "./is-running.ts";
export { memoryCalls } from "./objects/memory-calls.ts";
export { memoryReader } from "./memory/memory-reader.ts";
export { processStatus } from "./stacks/process-status.ts";
export { detectResources } from "./scheduling/detect-resources.ts";
