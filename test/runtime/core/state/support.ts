// Tasks and rows for the tests of what is recorded.

import type { TaskInfo, TaskPlace, TaskRow } from "../../../../runtime/core/state/index.ts";

export const PLACE: TaskPlace = { workerId: "worker-1", nodeId: "node-1", pid: 17 };

const RESOURCES = { num_cpus: 1 };

export function taskInfo(taskId: string, more: Partial<TaskInfo> = {}): TaskInfo {
  return { taskId, type: "NORMAL_TASK", functionName: "square", attempt: 0, resources: RESOURCES, ...more };
}

/** A row of a task that ran from `startTimeMs` to `endTimeMs`, by default from 1,010 to 1,020. */
export function taskRow(taskId: string, more: Partial<TaskRow> = {}): TaskRow {
  const row: TaskRow = {
    taskId,
    attemptNumber: 0,
    name: "square",
    functionName: "square",
    state: "FINISHED",
    type: "NORMAL_TASK",
    parentTaskId: null,
    actorId: null,
    nodeId: "node-1",
    workerId: "worker-1",
    workerPid: 17,
    requiredResources: RESOURCES,
    errorType: null,
    errorMessage: null,
    creationTimeMs: 1_000,
    startTimeMs: 1_010,
    endTimeMs: 1_020,
    events: [],
    ...more,
  };
  const lastMs = row.endTimeMs ?? row.startTimeMs ?? row.creationTimeMs;
  return { ...row, events: [{ state: row.state, atMs: lastMs }] };
}
