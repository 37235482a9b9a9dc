// Files that nobody looks at any more, though a process that wrote one may have it mapped still to write it again.
//
// 1. Its name is taken away before it is asked who looks at a file: nobody can begin to, then.

import { closeSync, openSync } from "node:fs";
import { rm, truncate } from "node:fs/promises";
import { memoryCalls } from "./memory-calls.ts";

/**
 * Whether no process has the file mapped to read it: each keeps a lock on it as long (`mapping.ts`). The file has a name
 * that only the caller knows. Where the system cannot be asked, it is unless it was ever `seen`.
 */
export function isUnused(path: string, seen: boolean): boolean {
  const calls = memoryCalls();
  if (calls === undefined) return !seen;
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return false; // it is gone
  }
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
