// What is known of a replica that runs without asking it: a file beside its data socket, for a controller that takes the
// place of another. A replica may be busy with a run, or hang, when somebody wants to know.
//
// 1. It is there whole or not at all: written beside its place, then moved there.
// 2. It is there while the replica may be found: from being ready to the removal of its socket.

import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { Type } from "typebox";
import { Check } from "typebox/value";
import type { ReplicaInfo } from "./replica.ts";

export interface ReplicaRecord {
  readonly replicaId: string;
  readonly info: ReplicaInfo;
  /** Of whoever started it, as given with the start or the last reconfigure; plain JSON. */
  readonly note: unknown;
  readonly readyEpochMs: number;
  /** When it was last reconfigured, else `readyEpochMs`. */
  readonly configuredEpochMs: number;
}

const Tensors = Type.Array(
  Type.Object({ name: Type.String(), datatype: Type.String(), shape: Type.Array(Type.Number()) }),
);
const Record = Type.Object({
  replicaId: Type.String(),
  info: Type.Object({
    socketPath: Type.String(),
    signature: Type.Object({
      inputs: Tensors,
      outputs: Tensors,
      batchable: Type.Boolean(),
      platform: Type.String(),
    }),
    takes: Type.Object({ infer: Type.Boolean(), fetch: Type.Boolean() }),
    loadMs: Type.Number(),
    warmUpMs: Type.Number(),
  }),
  note: Type.Unknown(),
  readyEpochMs: Type.Number(),
  configuredEpochMs: Type.Number(),
});

function recordPath(folder: string, pid: number): string {
  return `${folder}/${pid}.json`;
}

/** Invariant 1; takes the place of what was there. */
export async function writeReplicaRecord(folder: string, pid: number, record: ReplicaRecord): Promise<void> {
  const path = recordPath(folder, pid);
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Of the process `pid`; undefined when there is none, or what is there is none. */
export async function readReplicaRecord(folder: string, pid: number): Promise<ReplicaRecord | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(recordPath(folder, pid), "utf8"));
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Invariant 2. Never rejects. */
export async function removeReplicaRecord(folder: string, pid: number): Promise<void> {
  const path = recordPath(folder, pid);
  await Promise.all([path, `${path}.new`].map((one) => rm(one, { force: true }).catch(() => undefined)));
}

function isRecord(value: unknown): value is ReplicaRecord {
  return Check(Record, value);
}
