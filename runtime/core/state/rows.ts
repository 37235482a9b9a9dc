// The rows of `shoal list …`: flat data for tables, JSON and filters. `null` is "none" or "not known", so that all
// rows of a kind have the same columns. Times are epoch milliseconds, ids are text.

import type { ResourceAmounts } from "../scheduling/resources.ts";
import type { TaskState, TaskType } from "./task-states.ts";

/** One attempt of a task. */
export interface TaskRow {
  readonly taskId: string;
  /** From 0. */
  readonly attemptNumber: number;
  readonly name: string;
  /** The function, or `Class.method`. */
  readonly functionName: string;
  readonly state: TaskState;
  readonly type: TaskType;
  /** `null` when the driver submitted it. */
  readonly parentTaskId: string | null;
  readonly actorId: string | null;
  readonly nodeId: string | null;
  readonly workerId: string | null;
  readonly workerPid: number | null;
  readonly requiredResources: ResourceAmounts;
  readonly errorType: string | null;
  readonly errorMessage: string | null;
  readonly creationTimeMs: number;
  /** When it was last RUNNING; with a fraction, as all times of tasks. */
  readonly startTimeMs: number | null;
  readonly endTimeMs: number | null;
  /** The states it entered, in order of time. */
  readonly events: readonly { readonly state: TaskState; readonly atMs: number }[];
}

export interface ActorRow {
  readonly actorId: string;
  readonly className: string;
  readonly state: "PENDING_CREATION" | "ALIVE" | "RESTARTING" | "STOPPING" | "DEAD";
  readonly name: string | null;
  readonly namespace: string | null;
  readonly detached: boolean;
  readonly nodeId: string | null;
  readonly workerId: string | null;
  readonly pid: number | null;
  readonly numRestarts: number;
  readonly pendingCalls: number;
  readonly requiredResources: ResourceAmounts;
  readonly placementGroupId: string | null;
  readonly creationTimeMs: number;
  /** Why it is DEAD, in words. */
  readonly deathCause: string | null;
}

/** Where the value of an object is. */
export type ObjectState = "PENDING" | "INLINE" | "SHARED_MEMORY" | "SPILLED" | "LOST";

/** Why an object is kept, with Ray's names. */
export type ReferenceType =
  | "LOCAL_REFERENCE"
  | "USED_BY_PENDING_TASK"
  | "CAPTURED_IN_OBJECT"
  | "PINNED_IN_MEMORY"
  | "ACTOR_HANDLE";

export interface ObjectRow {
  readonly objectId: string;
  readonly state: ObjectState;
  /** `null` while PENDING. */
  readonly sizeBytes: number | null;
  readonly referenceType: ReferenceType;
  readonly references: number;
  /** The worker, or the driver, that owns it. */
  readonly ownerId: string;
  readonly pid: number | null;
  readonly nodeId: string | null;
  /** The task that makes it; `null` for what was put. */
  readonly taskId: string | null;
  /** Where in the code it was made, when that is recorded. */
  readonly callSite: string | null;
}

export interface WorkerRow {
  readonly workerId: string;
  readonly type: "WORKER" | "DRIVER";
  readonly state: "STARTING" | "IDLE" | "BUSY" | "ACTOR" | "DEAD";
  readonly nodeId: string;
  readonly pid: number;
  /** The task it runs, or the actor it is. */
  readonly running: string | null;
  readonly rssBytes: number | null;
  readonly startTimeMs: number;
  readonly endTimeMs: number | null;
  readonly exitDetail: string | null;
}

export interface NodeRow {
  readonly nodeId: string;
  readonly name: string;
  /** DRAINING: nothing new is placed there. */
  readonly state: "ALIVE" | "DRAINING" | "DEAD";
  readonly isHeadNode: boolean;
  readonly resourcesTotal: ResourceAmounts;
  readonly resourcesFree: ResourceAmounts;
  readonly labels: Readonly<Record<string, string>>;
  readonly startTimeMs: number;
  readonly endTimeMs: number | null;
}

export interface PlacementGroupRow {
  readonly placementGroupId: string;
  readonly name: string | null;
  readonly namespace: string | null;
  readonly strategy: "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";
  readonly state: "PENDING" | "CREATED" | "RESCHEDULING" | "INFEASIBLE" | "REMOVED";
  readonly detached: boolean;
  readonly bundles: readonly { readonly resources: ResourceAmounts; readonly nodeId: string | null }[];
  readonly creationTimeMs: number;
}

/** The kinds of rows by the word of the command line. */
export interface RowKinds {
  readonly tasks: TaskRow;
  readonly actors: ActorRow;
  readonly objects: ObjectRow;
  readonly workers: WorkerRow;
  readonly nodes: NodeRow;
  readonly "placement-groups": PlacementGroupRow;
}
export type RowKind = keyof RowKinds;
