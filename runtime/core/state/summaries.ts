// `shoal summary tasks|actors|objects`, as `ray summary`: how many there are of each, by state. Pure.
//
// 1. Groups come largest first, then by name: the same rows give the same table.

import type { ActorRow, ObjectRow, ObjectState, ReferenceType, TaskRow } from "./rows.ts";
import type { TaskState, TaskType } from "./task-states.ts";

/** Absent is none. */
export type Counts<Key extends string> = Readonly<Partial<Record<Key, number>>>;

export interface TaskSummary {
  readonly groups: readonly {
    readonly functionName: string;
    readonly type: TaskType;
    readonly stateCounts: Counts<TaskState>;
  }[];
  readonly totalTasks: number;
  readonly totalActorTasks: number;
  readonly totalActorsScheduled: number;
}

export interface ActorSummary {
  readonly groups: readonly {
    readonly className: string;
    readonly stateCounts: Counts<ActorRow["state"]>;
  }[];
  readonly totalActors: number;
}

export interface ObjectSummary {
  readonly groups: readonly {
    /** `null` where call sites are not recorded. */
    readonly callSite: string | null;
    readonly objects: number;
    readonly sizeBytes: number;
    readonly stateCounts: Counts<ObjectState>;
    readonly referenceCounts: Counts<ReferenceType>;
    readonly owners: number;
    readonly nodes: number;
  }[];
  readonly totalObjects: number;
  readonly totalBytes: number;
}

/** Attempts by function and type. */
export function summarizeTasks(rows: Iterable<TaskRow>): TaskSummary {
  const totals = new Counter<TaskType>();
  const groups = groupRows(rows, {
    keyOf: ({ functionName, type }) => `${functionName}\0${type}`,
    open: ({ functionName, type }) => ({ functionName, type, states: new Counter<TaskState>() }),
    add: ({ states }, { state, type }) => {
      states.add(state);
      totals.add(type);
    },
  });
  return {
    groups: groups.map(({ functionName, type, states }) => ({
      functionName,
      type,
      stateCounts: states.counts,
    })),
    totalTasks: totals.counts.NORMAL_TASK ?? 0,
    totalActorTasks: totals.counts.ACTOR_TASK ?? 0,
    totalActorsScheduled: totals.counts.ACTOR_CREATION_TASK ?? 0,
  };
}

export function summarizeActors(rows: Iterable<ActorRow>): ActorSummary {
  const groups = groupRows(rows, {
    keyOf: ({ className }) => className,
    open: ({ className }) => ({ className, states: new Counter<ActorRow["state"]>() }),
    add: ({ states }, { state }) => states.add(state),
  });
  return {
    groups: groups.map(({ className, states }) => ({ className, stateCounts: states.counts })),
    totalActors: groups.reduce((sum, { states }) => sum + states.total, 0),
  };
}

/** Objects by the place in the code that made them; one group where that is not recorded. */
export function summarizeObjects(rows: Iterable<ObjectRow>): ObjectSummary {
  const groups = groupRows(rows, {
    keyOf: ({ callSite }) => callSite ?? "",
    open: ({ callSite }) => ({
      callSite,
      sizeBytes: 0,
      states: new Counter<ObjectState>(),
      references: new Counter<ReferenceType>(),
      owners: new Set<string>(),
      nodes: new Set<string>(),
    }),
    add: (group, row) => {
      group.sizeBytes += row.sizeBytes ?? 0;
      group.states.add(row.state);
      group.references.add(row.referenceType);
      group.owners.add(row.ownerId);
      if (row.nodeId !== null) group.nodes.add(row.nodeId);
    },
  });
  return {
    groups: groups.map(({ callSite, sizeBytes, states, references, owners, nodes }) => ({
      callSite,
      objects: states.total,
      sizeBytes,
      stateCounts: states.counts,
      referenceCounts: references.counts,
      owners: owners.size,
      nodes: nodes.size,
    })),
    totalObjects: groups.reduce((sum, { states }) => sum + states.total, 0),
    totalBytes: groups.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

interface Grouping<Row, Group> {
  readonly keyOf: (row: Row) => string;
  /** A group without rows, from the first that will be in it. */
  readonly open: (row: Row) => Group;
  readonly add: (group: Group, row: Row) => void;
}

/** Keeps the groups, not the rows: there may be 100,000. */
function groupRows<Row, Group extends { readonly states: Counter<string> }>(
  rows: Iterable<Row>,
  { keyOf, open, add }: Grouping<Row, Group>,
): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key) ?? open(row);
    groups.set(key, group);
    add(group, row);
  }
  // Invariant 1.
  return [...groups]
    .sort(
      ([leftKey, left], [rightKey, right]) =>
        right.states.total - left.states.total || (leftKey < rightKey ? -1 : 1),
    )
    .map(([, group]) => group);
}

class Counter<Key extends string> {
  readonly counts: Partial<Record<Key, number>> = {};
  total = 0;

  add(key: Key): void {
    this.counts[key] = (this.counts[key] ?? 0) + 1;
    this.total++;
  }
}
