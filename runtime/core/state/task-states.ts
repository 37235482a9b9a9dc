// The states and types of a task, with Ray's names, and what is told of one when it is recorded.

import type { ResourceAmounts } from "../scheduling/resources.ts";

/** In the order in which a task goes through them; the last two are ends. */
export const TASK_STATES = [
  "PENDING_ARGS_AVAIL",
  "PENDING_NODE_ASSIGNMENT",
  "SUBMITTED_TO_WORKER",
  "RUNNING",
  "FINISHED",
  "FAILED",
] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const TASK_TYPES = ["NORMAL_TASK", "ACTOR_TASK", "ACTOR_CREATION_TASK"] as const;
export type TaskType = (typeof TASK_TYPES)[number];

/** What is known of an attempt when it is submitted. Its fields are copied, the object is not kept. */
export interface TaskInfo {
  readonly taskId: string;
  readonly type: TaskType;
  /** The function, or `Class.method`: what summaries count by. */
  readonly functionName: string;
  /** A name given to this task; `functionName` when there is none. */
  readonly name?: string | undefined;
  /** The task that submitted it; absent when that was the driver. */
  readonly parentTaskId?: string | undefined;
  readonly actorId?: string | undefined;
  /** From 0; every retry is an attempt of its own, as in Ray. */
  readonly attempt: number;
  /** Kept by reference: one object of a function's options serves all its tasks. */
  readonly resources: ResourceAmounts;
}

/** Where an attempt runs. Kept by reference: one object a worker. */
export interface TaskPlace {
  readonly workerId: string;
  readonly nodeId: string;
  readonly pid: number;
}

export interface TaskError {
  /** A code of the table of errors, or the name of the class that was thrown. */
  readonly type: string;
  readonly message: string;
}
