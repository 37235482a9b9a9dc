// Files that nobody looks at any more, though a process that wrote one may have it mapped still to write it again.
//
// 1. Its name is taken away before it is asked who looks at a file: nobody can begin to, then.

import { closeSync, openSync } from "node:fs";
import { rm, truncate } from "node:fs/promises";
import { memoryCalls } from "./memory-calls.ts";

/**
 * Whether no process has the file mapped to read it: each keeps a lock on it as long (`mapping.ts`). The file has a name
 * that only the caller knows. Undefined where the system cannot be asked. Throws what opening throws.
 */
export function isUnused(path: string): boolean | undefined {
  const calls = memoryCalls();
  if (calls === undefined) return undefined;
  const file = openSync(path, "r");
  try {
    return calls.lock(file, "EXCLUSIVE");
  } finally {
    closeSync(file); // and the lock with it
  }
}

/** Gives its memory back at once, also while it is mapped. */
export async function removeUnused(path: string): Promise<void> {
  await truncate(path, 0).catch(() => undefined);
  await rm(path, { force: true });
}
