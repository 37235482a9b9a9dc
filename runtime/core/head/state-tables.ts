// The rows that `shoal list` shows, made from the head's tables when somebody asks.

import { showId } from "../api/ids.ts";
import type { ObjectStore } from "../objects/index.ts";
import type { Scheduler } from "../scheduling/index.ts";
import type {
  ActorRow,
  NodeRow,
  ObjectRow,
  PlacementGroupRow,
  RowKind,
  RowKinds,
  TaskEvents,
  WorkerRow,
} from "../state/index.ts";
import type { Id } from "../workers/messages.ts";
import type { ActorRecord } from "./actor-record.ts";
import type { ActorTable } from "./actor-table.ts";
import type { ObjectDirectory, ObjectEntry } from "./object-directory.ts";
import type { TaskRecorder } from "./task-recorder.ts";
import type { Worker } from "./worker.ts";

export interface StateSources {
  readonly events: TaskEvents;
  readonly recorder: TaskRecorder;
  readonly directory: ObjectDirectory;
  readonly store: ObjectStore;
  readonly actors: ActorTable;
  readonly scheduler: Scheduler;
  readonly workers: ReadonlySet<Worker>;
  readonly startedEpochMs: number;
}

type Tables = { readonly [Kind in RowKind]: () => Iterable<RowKinds[Kind]> };

/** The node that a runtime begins with; those added are not where the head is, though on this machine. */
export const HEAD_NODE = "node-1";

export class StateTables {
  readonly #tables: Tables;

  constructor(sources: StateSources) {
    const { events, directory, actors, scheduler, workers } = sources;
    const { startedEpochMs } = sources;
    this.#tables = {
      tasks: () => events.rows(),
      actors: () =>
        Array.from(actors.records(), (record) =>
          actorRow(record, sources.recorder.directCalls(record.id).length),
        ),
      objects: () =>
        Array.from(directory.entries())
          .filter(({ id }) => actors.find(id) === undefined)
          .map((entry) => objectRow(entry, sources)),
      workers: () => Array.from(workers, workerRow),
      nodes: () =>
        scheduler.nodes.map(({ id, labels, pool }): NodeRow => {
          const amounts = Object.entries(pool.amounts());
          return {
            nodeId: id,
            name: id,
            state: scheduler.isDraining(id) ? "DRAINING" : "ALIVE",
            isHeadNode: id === HEAD_NODE,
            resourcesTotal: Object.fromEntries(amounts.map(([resource, { total }]) => [resource, total])),
            resourcesFree: Object.fromEntries(amounts.map(([resource, { free }]) => [resource, free])),
            labels,
            startTimeMs: startedEpochMs,
            endTimeMs: null,
          };
        }),
      "placement-groups": () =>
        Array.from(scheduler.placementGroups, (group) => groupRow(group, startedEpochMs)),
    };
  }

  rows<Kind extends RowKind>(kind: Kind): Iterable<RowKinds[Kind]> {
    return this.#tables[kind]();
  }
}

function actorRow(record: ActorRecord, directCalls: number): ActorRow {
  const { held, options, creation } = record;
  const worker = "worker" in held ? held.worker : undefined;
  const { strategy } = creation.placement;
  return {
    actorId: showId(record.id),
    className: creation.work.kind === "create" ? creation.work.exportName : creation.label,
    state: STATES[held.kind],
    name: options.name ?? null,
    namespace: options.name === undefined ? null : options.namespace,
    detached: options.detached,
    nodeId: worker?.nodeId ?? null,
    workerId: worker === undefined ? null : String(worker.index),
    pid: worker?.pid ?? null,
    numRestarts: record.restarts,
    pendingCalls: record.pending + directCalls,
    requiredResources: creation.placement.resources,
    placementGroupId: strategy.kind === "PLACEMENT_GROUP" ? showId(strategy.group) : null,
    creationTimeMs: record.createdEpochMs,
    deathCause: held.kind === "DEAD" ? held.error.message : null,
  };
}

const STATES: Readonly<Record<ActorRecord["held"]["kind"], ActorRow["state"]>> = {
  DEPENDENCIES_UNREADY: "PENDING_CREATION",
  PENDING_CREATION: "PENDING_CREATION",
  CREATING: "PENDING_CREATION",
  ALIVE: "ALIVE",
  RESTARTING: "RESTARTING",
  STOPPING: "STOPPING",
  DEAD: "DEAD",
};

function objectRow(entry: ObjectEntry, { store }: StateSources): ObjectRow {
  const { state, id, origin, task, holders } = entry;
  return {
    objectId: showId(id),
    state:
      state.kind === "STORED"
        ? store.isSpilled(id)
          ? "SPILLED"
          : "SHARED_MEMORY"
        : state.kind === "FAILED"
          ? "LOST"
          : state.kind,
    sizeBytes:
      state.kind === "INLINE"
        ? state.parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
        : state.kind === "STORED"
          ? state.fileBytes
          : null,
    referenceType: "LOCAL_REFERENCE",
    references: holders,
    ownerId: origin,
    pid: null,
    nodeId: null,
    taskId: task === undefined ? null : showId(task),
    callSite: null,
  };
}

function workerRow(worker: Worker): WorkerRow {
  const [first] = worker.running.values();
  const running: Id | undefined = worker.actor;
  return {
    workerId: String(worker.index),
    type: "WORKER",
    state: running !== undefined ? "ACTOR" : first === undefined ? "IDLE" : "BUSY",
    nodeId: worker.nodeId,
    pid: worker.pid ?? 0,
    running: first?.record.spec.label ?? (running === undefined ? null : showId(running)),
    rssBytes: null,
    startTimeMs: worker.startedEpochMs,
    endTimeMs: null,
    exitDetail: null,
  };
}

function groupRow(
  group: Scheduler["placementGroups"] extends IterableIterator<infer Group> ? Group : never,
  startedEpochMs: number,
): PlacementGroupRow {
  const { spec, bundles, state } = group;
  return {
    placementGroupId: showId(spec.id),
    name: spec.name ?? null,
    namespace: spec.namespace ?? null,
    strategy: spec.strategy,
    state,
    detached: spec.detached ?? false,
    bundles: bundles.map((bundle, index) => ({
      resources: Object.fromEntries(
        Object.entries(bundle?.pool.amounts() ?? {}).map(([resource, { total }]) => [resource, total]),
      ),
      nodeId: bundles[index]?.node.id ?? null,
    })),
    creationTimeMs: startedEpochMs,
  };
}
