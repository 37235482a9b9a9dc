// What is recorded and told of tasks, actors, objects, workers, nodes and placement groups.

export { chromeTrace, type TraceEvent, traceEvents, writeChromeTrace } from "./chrome-trace.ts";
export { FILTER_COLUMNS } from "./filter-columns.ts";
export { parseFilter, type QueriedRows, queryRows, type RowFilter, type RowQuery } from "./query-rows.ts";
export type {
  ActorRow,
  NodeRow,
  ObjectRow,
  ObjectState,
  PlacementGroupRow,
  ReferenceType,
  RowKind,
  RowKinds,
  TaskRow,
  WorkerRow,
} from "./rows.ts";
export {
  type ActorSummary,
  type ObjectSummary,
  summarizeActors,
  summarizeObjects,
  summarizeTasks,
  type TaskSummary,
} from "./summaries.ts";
export {
  NOT_RECORDED,
  TaskEvents,
  type TaskEventsOptions,
  type TaskEventsStats,
  type TaskHandle,
} from "./task-events.ts";
export {
  TASK_STATES,
  TASK_TYPES,
  type TaskError,
  type TaskInfo,
  type TaskPlace,
  type TaskState,
  type TaskType,
} from "./task-states.ts";
