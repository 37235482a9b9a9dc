// The folders of a store's files, and what is left of those whose runtime was killed.

import { mkdtempSync } from "node:fs";
import { mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { messageOf, ShoalError } from "../../base/index.ts";
import { isRunning } from "../is-running.ts";
import type { ObjectFolders } from "./shared-memory.ts";

const DEFAULT_SHARE = 0.3;

/**
 * Makes both; `spillFolder` is where the one for spilled objects is made, the system's temporary folder by default. Rejects
 * with INVALID_ARGUMENT when it cannot be; then there is neither.
 */
export async function makeFolders(spillFolder = tmpdir()): Promise<ObjectFolders> {
  const memory = makeMemoryFolder();
  await sweep(dirname(memory));
  try {
    const spill = await mkdtemp(join(spillFolder, `shoal-spill-${process.pid}-`));
    await sweep(dirname(spill));
    return { memory, spill };
  } catch (cause) {
    await rm(memory, { recursive: true, force: true });
    const what = `Cannot spill objects to "${spillFolder}": ${messageOf(cause)}, wanted a folder to write in`;
    throw new ShoalError("INVALID_ARGUMENT", what, { cause });
  }
}

export async function defaultCapacity(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.floor(Math.min(totalmem() * DEFAULT_SHARE, bavail * bsize));
}

/** In shared memory where there is some, else on disk. */
function makeMemoryFolder(): string {
  const name = `shoal-${process.pid}-`;
  try {
    return mkdtempSync(`/dev/shm/${name}`);
  } catch {
    return mkdtempSync(`${process.env["TMPDIR"] ?? "/tmp"}/${name}`);
  }
}

const OWN_FOLDER = /^shoal-(?:spill-)?(\d+)-/;

/** Removes what runtimes left that were killed. */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = Number(OWN_FOLDER.exec(basename(name))?.[1]);
    if (Number.isSafeInteger(pid) && pid > 0 && !isRunning(pid)) {
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
