// The file of a local backend: who may open it, what becomes of it when something is wrong.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { ShoalError } from "../../../runtime/base/index.ts";
import { LocalBackend } from "../../../runtime/cluster/index.ts";
import { bytes, committed, take, text, watchFrom } from "./conformance.ts";
import { startWriter, temporaryFolder } from "./support.ts";

const folder = temporaryFolder();
let files = 0;
const newFile = (): string => join(folder, `${++files}`, "store.sqlite");

async function refusal(file: string, options: { lockWaitMs?: number } = {}): Promise<ShoalError> {
  const outcome = await LocalBackend.start({ file, ...options }).catch((error: ShoalError) => error);
  assert.ok(outcome instanceof Error, "it was opened");
  return outcome;
}

async function writtenStore(entries = 1): Promise<string> {
  const file = newFile();
  await using backend = await LocalBackend.start({ file });
  for (let index = 0; index < entries; index++) {
    await committed(backend.keyValue.put(`key/${index}`, bytes(`${index} `.repeat(500))));
  }
  return file;
}

test("a store closed and opened again has what it had, and goes on with the next revision", async () => {
  const file = newFile();
  {
    await using backend = await LocalBackend.start({ file });
    await committed(backend.keyValue.put("a", bytes("1")));
    await committed(backend.keyValue.put("b", bytes("2")));
    await committed(backend.keyValue.delete("b"));
  }
  await using backend = await LocalBackend.start({ file });
  const { entries, revision } = await backend.keyValue.list("");
  assert.deepEqual([entries.map(({ key, value }) => [key, text(value)]), revision], [[["a", "1"]], 3]);
  assert.equal(await committed(backend.keyValue.put("c", bytes("3"))), 4);
  const [event] = await take(watchFrom(backend.keyValue, 2, ""), 1);
  assert.deepEqual(event, { kind: "delete", key: "b", revision: 3 });
});

test("nobody else may read the file, its log or its folder; a file that was opened up is closed again", async () => {
  const file = newFile();
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  {
    await using backend = await LocalBackend.start({ file });
    await committed(backend.keyValue.put("a", bytes("1")));
    assert.equal(modeOf(join(file, "..")), "700");
    assert.deepEqual([file, `${file}-wal`, `${file}.owner`].map(modeOf), ["600", "600", "600"]);
  }
  const wide = join(folder, "wide.sqlite");
  writeFileSync(wide, "", { mode: 0o644 });
  await using _ = await LocalBackend.start({ file: wide });
  assert.equal(modeOf(wide), "600");
});

test("a second backend on the file is refused with who has it, here and in another process (1)", async () => {
  const file = newFile();
  {
    await using _ = await LocalBackend.start({ file });
    const here = await refusal(file, { lockWaitMs: 0 });
    assert.equal(here.code, "STORE_LOCKED");
    assert.match(here.message, new RegExp(`in use by process ${process.pid} on `));
  }
  await using writer = startWriter(file);
  await writer.acknowledged(1);
  const there = await refusal(file, { lockWaitMs: 0 });
  assert.equal(there.code, "STORE_LOCKED");
  assert.match(there.message, new RegExp(`in use by process ${writer.pid} on `));
  // The system takes the lock back: nothing stale is left to wait for or to remove by hand.
  await writer.kill();
  await using backend = await LocalBackend.start({ file, lockWaitMs: 0 });
  assert.ok((await backend.keyValue.list("")).entries.length > 0);
});

test("a backend waits for one that is letting go", async () => {
  const file = newFile();
  const first = await LocalBackend.start({ file });
  const second = LocalBackend.start({ file, lockWaitMs: 30_000 });
  await first.dispose();
  await using backend = await second;
  await committed(backend.keyValue.put("a", bytes("1")));
  assert.ok(existsSync(`${file}.owner`));
});

test("a newer schema is refused with both versions, and not a byte of the file changes", async () => {
  const file = await writtenStore();
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 7");
  database.close();
  const before = readFileSync(file);
  const error = await refusal(file);
  assert.equal(error.code, "STORE_TOO_NEW");
  assert.match(error.message, /found schema version 7, wanted at most 1/);
  assert.deepEqual(readFileSync(file), before);
});

test("a file that is no store is refused with what to do, and stays", async () => {
  const noDatabase = newFile();
  mkdirSync(join(noDatabase, ".."));
  writeFileSync(noDatabase, "applications:\n".repeat(500));

  const foreign = newFile();
  mkdirSync(join(foreign, ".."));
  const database = new DatabaseSync(foreign);
  database.exec("CREATE TABLE songs (title TEXT)");
  database.close();

  const damaged = await writtenStore(50);
  const content = readFileSync(damaged);
  writeFileSync(damaged, content.fill(0xff, 4096, 4 * 4096));

  const cut = await writtenStore(50);
  truncateSync(cut, 2 * 4096);

  for (const [file, said] of [
    [noDatabase, /not a database/],
    [foreign, /another program/],
    [damaged, /malformed|damaged/],
    [cut, /malformed|damaged/],
  ] as const) {
    const before = readFileSync(file);
    const error = await refusal(file);
    assert.equal(error.code, "STORE_CORRUPT", error.message);
    assert.match(error.message, said);
    assert.match(error.message, /Nothing was deleted\. Put back a copy/);
    assert.deepEqual(readFileSync(file), before);
  }
});

test("a file that was emptied is not taken for a new one while its log is there", async () => {
  const file = newFile();
  await using writer = startWriter(file);
  await writer.acknowledged(1);
  await writer.kill();
  const log = readFileSync(`${file}-wal`);
  assert.ok(log.byteLength > 0);
  truncateSync(file, 0);
  const error = await refusal(file);
  assert.equal(error.code, "STORE_CORRUPT");
  assert.match(error.message, /empty beside a write-ahead log/);
  assert.deepEqual(readFileSync(`${file}-wal`), log);
});

test("what cannot be opened at all says so", async () => {
  const taken = newFile();
  mkdirSync(taken, { recursive: true });
  const error = await refusal(taken);
  assert.equal(error.code, "STORE_UNAVAILABLE");
  assert.match(error.message, /Cannot open the store ".*": unable to open database file/);
  const below = join(await writtenStore(), "store.sqlite");
  assert.equal((await refusal(below)).code, "STORE_UNAVAILABLE");
});

test("a full store refuses what does not fit, keeps the rest, and takes what fits", async () => {
  const file = newFile();
  const value = bytes("x".repeat(20_000));
  await using backend = await LocalBackend.start({
    file,
    maxBytes: 500_000,
    retention: { maxBytes: 0 },
  });
  const written: string[] = [];
  const fill = async (): Promise<never> => {
    for (;;) {
      const key = `key/${written.length}`;
      await committed(backend.keyValue.put(key, value));
      written.push(key);
    }
  };
  await assert.rejects(fill(), { code: "STORE_FULL", message: /nothing older is lost/ });
  assert.ok(written.length > 10);
  const { entries, revision } = await backend.keyValue.list("key/");
  assert.deepEqual(
    entries.map(({ key }) => key),
    [...written].sort(),
  );
  assert.equal(revision, written.length);
  // A key given up makes room for another.
  await committed(backend.keyValue.delete("key/0"));
  await committed(backend.keyValue.put("key/again", value));
});

test("a watcher whose place was trimmed is told so, then sees the rest (3)", async () => {
  const file = newFile();
  {
    await using backend = await LocalBackend.start({ file, retention: { maxChanges: 10 } });
    await committed(backend.keyValue.put("stays", bytes("1")));
    const behind = watchFrom(backend.keyValue, 1, "");
    for (let index = 0; index < 30; index++) await committed(backend.keyValue.put("a", bytes(`${index}`)));
    // 31 changes, of which two stand and ten more are kept.
    const [missed, ...rest] = await take(behind, 12);
    assert.deepEqual(missed, { kind: "missed", revision: 20 });
    assert.deepEqual(
      rest.map(({ revision }) => revision),
      Array.from({ length: 11 }, (_, index) => 21 + index),
    );
    assert.equal(text((await backend.keyValue.get("stays"))?.value ?? bytes("")), "1");
  }
  await using backend = await LocalBackend.start({ file });
  assert.deepEqual(await take(watchFrom(backend.keyValue, 0, ""), 1), [{ kind: "missed", revision: 20 }]);
});

test("commits that did not take place do not count towards what is trimmed", async () => {
  await using backend = await LocalBackend.start({ retention: { maxChanges: 10, maxBytes: 100 } });
  const { keyValue } = backend;
  const first = await committed(keyValue.put("a", bytes("1".repeat(50))));
  const superseding = { kind: "put", key: "a", value: bytes("2") } as const;
  const conflicting = { kind: "delete", key: "b", expected: 7 } as const;
  for (let count = 0; count < 30; count++) {
    assert.equal((await keyValue.commit([superseding, conflicting])).kind, "conflict");
  }
  await committed(keyValue.put("a", bytes("2")));
  const [event] = await take(watchFrom(keyValue, 0, ""), 1);
  assert.deepEqual(event, { kind: "put", key: "a", value: bytes("1".repeat(50)), revision: first });
});
