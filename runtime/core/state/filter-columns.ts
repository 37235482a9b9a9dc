// The columns of each kind of row that a filter may name: those that hold one value.

import type { RowKind, RowKinds } from "./rows.ts";

export const FILTER_COLUMNS: { readonly [Kind in RowKind]: readonly (keyof RowKinds[Kind] & string)[] } = {
  tasks: [
    "taskId",
    "attemptNumber",
    "name",
    "functionName",
    "state",
    "type",
    "parentTaskId",
    "actorId",
    "nodeId",
    "workerId",
    "workerPid",
    "errorType",
  ],
  actors: [
    "actorId",
    "className",
    "state",
    "name",
    "namespace",
    "detached",
    "nodeId",
    "workerId",
    "pid",
    "numRestarts",
    "placementGroupId",
  ],
  objects: [
    "objectId",
    "state",
    "sizeBytes",
    "referenceType",
    "ownerId",
    "pid",
    "nodeId",
    "taskId",
    "callSite",
  ],
  workers: ["workerId", "type", "state", "nodeId", "pid", "running"],
  nodes: ["nodeId", "name", "state", "isHeadNode"],
  "placement-groups": ["placementGroupId", "name", "namespace", "strategy", "state", "detached"],
};
