// Older files become the present ones, and what goes wrong on the way changes nothing.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { checkVersion, MIGRATIONS, migrate } from "../../../runtime/cluster/local/schema.ts";

const NEXT = (database: DatabaseSync): void =>
  database.exec("ALTER TABLE log ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody'");

function present(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  database.exec("INSERT INTO log (key, value, current) VALUES ('a', x'01', 1)");
  return database;
}

const versionOf = (database: DatabaseSync): unknown =>
  database.prepare("PRAGMA user_version").get()?.["user_version"];

test("an older file is brought forward, with what is in it", () => {
  using database = present();
  assert.equal(versionOf(database), MIGRATIONS.length);
  migrate(database, [...MIGRATIONS, NEXT]);
  assert.equal(versionOf(database), MIGRATIONS.length + 1);
  assert.deepEqual(
    { ...database.prepare("SELECT key, author FROM log").get() },
    { key: "a", author: "nobody" },
  );
  // A second time there is nothing to do.
  migrate(database, [...MIGRATIONS, NEXT]);
});

test("a migration that fails leaves the version it came from (1)", () => {
  using database = present();
  const failing = (target: DatabaseSync): void => {
    NEXT(target);
    throw new Error("half way");
  };
  assert.throws(() => migrate(database, [...MIGRATIONS, failing]), /half way/);
  assert.equal(versionOf(database), MIGRATIONS.length);
  assert.deepEqual(
    { ...database.prepare("SELECT * FROM log").get() },
    {
      revision: 1,
      key: "a",
      value: new Uint8Array([1]),
      current: 1,
    },
  );
});

test("a file of a later version is refused by an earlier program (2)", () => {
  using database = present();
  migrate(database, [...MIGRATIONS, NEXT]);
  assert.throws(() => checkVersion(database, "here"), { code: "STORE_TOO_NEW" });
  checkVersion(database, "here", MIGRATIONS.length + 1);
});
