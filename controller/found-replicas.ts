// The replicas that another controller left, found again by what the runtime and their records say.
//
// 1. One that runs and tells what it is of is taken over as it is. Any other is ended, with what was reserved for it: one
//    that starts is started again by whoever plans, one that stops was told so already.
// 2. None is asked anything: a replica may be busy for as long as its longest run.

import type { Logger } from "../runtime/base/log/index.ts";
import type { ActorHandle, PlacementGroup, Runtime } from "../runtime/core/index.ts";
import { readReplicaRecord, type ReplicaModule, type ReplicaRecord } from "../replicas/index.ts";
import { type Ground, REPLICAS } from "./ground.ts";
import { NoteReader, type ReplicaNote } from "./replica-note.ts";

/** One that runs. */
export interface FoundReplica extends ReplicaNote {
  readonly id: string;
  readonly handle: ActorHandle<ReplicaModule["Replica"]>;
  readonly pid: number;
  readonly nodeId: string | undefined;
  readonly group: PlacementGroup | undefined;
  readonly record: ReplicaRecord;
}

export interface FoundReplicas {
  readonly running: readonly FoundReplica[];
  /** The ids of all, those that were ended too. */
  readonly ids: readonly string[];
}

export async function findReplicas(
  { runtime, socketFolder }: Pick<Ground, "runtime" | "socketFolder">,
  log: Logger,
): Promise<FoundReplicas> {
  const { rows: actors } = await runtime.list("actors", ALL);
  const { rows: reserved } = await runtime.list("placement-groups", ALL);
  const mine = actors.flatMap(({ name, namespace, state, pid, nodeId }) =>
    name === null || namespace !== REPLICAS || state === "DEAD"
      ? []
      : [{ id: name, state, pid, nodeId: nodeId ?? undefined }],
  );
  const notes = new NoteReader();
  const ids = new Set(mine.map(({ id }) => id));
  const grouped = new Set(
    reserved.flatMap(({ name, namespace }) => (namespace === REPLICAS && name !== null ? [name] : [])),
  );
  const found = await Promise.all(
    mine.map(async ({ id, state, pid, nodeId }) => {
      const record =
        pid === null || state !== "ALIVE" ? undefined : await readReplicaRecord(socketFolder, pid);
      const note = record?.replicaId === id ? notes.read(record.note) : undefined;
      if (pid !== null && record !== undefined && note !== undefined) {
        return await takeOver(runtime, { ...note, id, pid, nodeId, record }, grouped.has(id));
      }
      log.info({ replica: id }, `${state} → ended (its controller is gone)`); // invariant 1
      if (state !== "STOPPING") await gone(runtime.kill({ name: id, namespace: REPLICAS }));
      return undefined;
    }),
  );
  const running = found
    .filter((one) => one !== undefined)
    .toSorted((a, b) => a.startedEpochMs - b.startedEpochMs || (a.id < b.id ? -1 : 1));
  const kept = new Set(running.map(({ id }) => id));
  for (const name of grouped) {
    if (kept.has(name)) continue;
    const group = await gone(runtime.getPlacementGroup(name, REPLICAS));
    await group?.remove();
  }
  return { running, ids: [...ids] };
}

async function takeOver(
  runtime: Runtime,
  one: Omit<FoundReplica, "handle" | "group">,
  isGrouped: boolean,
): Promise<FoundReplica | undefined> {
  const handle = await gone(runtime.actor<ReplicaModule["Replica"]>(one.id, REPLICAS));
  const group = isGrouped ? await gone(runtime.getPlacementGroup(one.id, REPLICAS)) : undefined;
  return handle && { ...one, handle, group };
}

const ALL = { limit: Number.MAX_SAFE_INTEGER };

/** Undefined for what has ended meanwhile. */
async function gone<T>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch(() => undefined);
}
