// A store's file, opened: locked, checked, brought to the present schema.
//
// 1. One connection has a file at a time, over all processes: sqlite's own exclusive lock, which the system takes back
//    when the process dies. Whose it is stands beside it in `<file>.owner`, for the message only.
// 2. Nobody but the owner reads it: the file is 0600, in a folder that is made 0700.
// 3. A file that is not ours to use as it is, is refused, and stays as it is.
//
// No descriptor of an open store may be opened and closed here by other means: POSIX then drops sqlite's lock.

import { chmodSync, closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeFolder, messageOf, ShoalError, systemCodeOf } from "../../base/index.ts";
import type { StoreOptions } from "./protocol.ts";
import { textOf } from "./row.ts";
import { checkVersion, migrate } from "./schema.ts";
import { corrupt, isBusy, storeError } from "./sqlite-error.ts";

const PAGE_BYTES = 4096;
/** The write-ahead log is cut back to this after it was longer. */
const MAX_IDLE_WAL_BYTES = 16 * 1024 * 1024;

export interface OpenDatabase {
  readonly database: DatabaseSync;
  /** For messages. */
  readonly where: string;
  close(): void;
}

/** Throws STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW, STORE_FULL or STORE_UNAVAILABLE. */
export function openDatabase(options: StoreOptions): OpenDatabase {
  const { file, lockWaitMs } = options;
  const where = file === undefined ? "in memory" : JSON.stringify(file);
  let database: DatabaseSync | undefined;
  try {
    if (file !== undefined) prepareFile(file);
    database = new DatabaseSync(file ?? ":memory:", { timeout: lockWaitMs });
    lock(database, file);
    checkVersion(database, where);
    configure(database, options);
    migrate(database);
    check(database, where);
    if (file !== undefined) writeOwner(file);
  } catch (error) {
    database?.close();
    throw storeError(error, `open the store ${where}`);
  }
  const opened = database;
  return {
    database: opened,
    where,
    close: () => {
      if (file !== undefined) rmSync(ownerPath(file), { force: true });
      opened.close();
    },
  };
}

/** Invariant 2. */
function prepareFile(file: string): void {
  makeFolder(dirname(file), 0o700);
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if (systemCodeOf(error) !== "EEXIST") throw error;
    const { mode, size } = statSync(file);
    if ((mode & 0o077) !== 0) chmodSync(file, mode & 0o700);
    // Sqlite throws away the log of an empty file; one that was emptied by mistake may still be saved by it.
    if (size === 0 && (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
      throw corrupt(
        `open the store ${JSON.stringify(file)}`,
        "found it empty beside a write-ahead log that is not",
      );
    }
  }
}

/** Invariant 1. */
function lock(database: DatabaseSync, file: string | undefined): void {
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Kept after the transaction, in this mode.
    database.exec("BEGIN EXCLUSIVE; COMMIT");
  } catch (error) {
    if (file === undefined || !isBusy(error)) throw error;
    throw new ShoalError(
      "STORE_LOCKED",
      `Cannot open the store ${JSON.stringify(file)}: it is in use by ${ownerOf(file)}; stop that server, or name another file`,
      { cause: error },
    );
  }
}

function configure(database: DatabaseSync, { maxBytes }: StoreOptions): void {
  database.exec(`
    PRAGMA journal_mode = WAL;
    -- A commit is acknowledged when it is on the disk: it outlives a power cut too, not only the process.
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA journal_size_limit = ${MAX_IDLE_WAL_BYTES};
    PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / PAGE_BYTES))};
  `);
}

/** Invariant 3: what is damaged is found now, not in the middle of a rollout. */
function check(database: DatabaseSync, where: string): void {
  const found = textOf(database.prepare("PRAGMA quick_check(1)").get(), "quick_check");
  if (found !== "ok") throw corrupt(`open the store ${where}`, `found it damaged (${found})`);
}

function ownerPath(file: string): string {
  return `${file}.owner`;
}

/** Never throws: a full disk must not keep a server from coming back. */
function writeOwner(file: string): void {
  try {
    rmSync(ownerPath(file), { force: true });
    writeFileSync(ownerPath(file), `process ${process.pid} on ${hostname()}\n`, { mode: 0o600 });
  } catch {
    // Then the message of STORE_LOCKED does not say who.
  }
}

/** Never throws. */
function ownerOf(file: string): string {
  try {
    const [owner = ""] = readFileSync(ownerPath(file), "utf8").split("\n");
    return /^process \d{1,10} on \S{1,255}$/.test(owner) ? owner : "another process";
  } catch (error) {
    return systemCodeOf(error) === "ENOENT" ? "another process" : `another process (${messageOf(error)})`;
  }
}
