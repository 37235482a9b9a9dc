// What a controller process leaves for the one that takes its place, beside the replicas' sockets: that it was there, and the
// ports that the system picked.

import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "typebox";
import { Check } from "typebox/value";

export interface ControlRecord {
  /** Controller processes so far. */
  readonly starts: number;
  readonly adminPort: number;
  readonly httpPort: number;
  /** Absent where KEDA has no listener. */
  readonly kedaPort?: number;
}

const Record = Type.Object({
  starts: Type.Integer({ minimum: 1 }),
  adminPort: Type.Integer({ minimum: 1 }),
  httpPort: Type.Integer({ minimum: 1 }),
  kedaPort: Type.Optional(Type.Integer({ minimum: 1 })),
});

function pathIn(folder: string): string {
  return join(folder, "control.json");
}

/** Undefined before the first was written. */
export async function readControlRecord(folder: string): Promise<ControlRecord | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(pathIn(folder), "utf8"));
    return Check(Record, record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. */
export async function writeControlRecord(folder: string, record: ControlRecord): Promise<void> {
  const path = pathIn(folder);
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
