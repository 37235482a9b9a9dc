// The tables of a store's file and how older ones become the present ones.
//
// 1. A migration and the number it leads to are one transaction: a crash leaves the old version or the new.
// 2. A file of a newer version is refused before anything is written to it.

import type { DatabaseSync } from "node:sqlite";
import { ShoalError } from "../../base/index.ts";
import { corrupt } from "./sqlite-error.ts";
import { numberOf } from "./row.ts";

/** "SHOL", so that another program's database is not taken for ours. https://sqlite.org/fileformat.html#application_id */
const APPLICATION_ID = 0x53484f4c;

export type Migration = (database: DatabaseSync) => void;

/**
 * Version n is what the first n of these make.
 *
 * `log` has every change in order. `current` is 1 for the change that gave a key the value it has now; the others,
 * deletions (value NULL) among them, are past and go when there are too many. `facts.trimmed` is the newest
 * revision that went.
 */
export const MIGRATIONS: readonly Migration[] = [
  (database) =>
    database.exec(`
      CREATE TABLE log (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        value BLOB,
        current INTEGER NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX log_current ON log (key) WHERE current = 1;
      CREATE INDEX log_past ON log (revision) WHERE current = 0;
      CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO facts VALUES ('trimmed', 0);
    `),
];

/** Says whether this file is one for us, writing nothing. Throws STORE_CORRUPT or STORE_TOO_NEW. */
export function checkVersion(database: DatabaseSync, where: string, wanted = MIGRATIONS.length): void {
  const found = versionOf(database);
  const tables = numberOf(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get(), "n");
  if (tables === 0 && found === 0) return;
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw corrupt(`open the store ${where}`, "found a database of another program");
  }
  // Invariant 2.
  if (found > wanted) {
    throw new ShoalError(
      "STORE_TOO_NEW",
      `Cannot open the store ${where}: found schema version ${found}, wanted at most ${wanted}. A newer Shoal wrote ` +
        "it: run that one, or name another file. Nothing was changed",
    );
  }
}

/** Brings an older file, or an empty one, to the present version. */
export function migrate(database: DatabaseSync, migrations: readonly Migration[] = MIGRATIONS): void {
  for (let version = versionOf(database); version < migrations.length; version++) {
    // Invariant 1: both numbers stand in the file's header and are part of the transaction.
    database.exec("BEGIN IMMEDIATE");
    try {
      migrations[version]?.(database);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

function versionOf(database: DatabaseSync): number {
  return pragma(database, "user_version");
}

function pragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
  return numberOf(database.prepare(`PRAGMA ${name}`).get(), name);
}
