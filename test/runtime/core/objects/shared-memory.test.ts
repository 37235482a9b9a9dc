// Objects as files: whole or not there, read where they lie.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { SharedMemoryFolder } from "../../../../runtime/core/objects/index.ts";
import { NO_MOUNTS, smallMount, testFolder } from "./support.ts";

const hasFfi = Number(process.versions.node.split(".")[0]) >= 26 && process.platform === "linux";

function filesIn(folder: string): SharedMemoryFolder {
  return SharedMemoryFolder.at({ memory: folder, spill: folder });
}

test("parts come back as they were written, each where any typed array may begin", async () => {
  using folder = testFolder();
  const files = filesIn(folder.path);
  const parts = [0, 1, 63, 64, 5_000, 100_000].map((length, at) => new Uint8Array(length).fill(at + 1));
  const bytes = await files.write(1, parts);
  assert.equal(statSync(files.pathOf(1)).size, bytes);
  const back = files.open(1);
  assert.deepEqual(
    back.map((part) => [...part]),
    parts.map((part) => [...part]),
  );
  for (const part of back) assert.equal(part.byteOffset % 64, 0);
  assert.deepEqual(readdirSync(folder.path).length, 1);
});

test("more parts than the system takes at once", async () => {
  using folder = testFolder();
  const files = filesIn(folder.path);
  await files.write(
    1,
    Array.from({ length: 3_000 }, (_, at) => new Uint8Array([at % 256])),
  );
  assert.equal(files.open(1).length, 3_000);
  assert.equal(files.open(1)[2_999]?.[0], 2_999 % 256);
});

test("a file that is written over has nothing of what it was", async () => {
  using folder = testFolder();
  const files = filesIn(folder.path);
  await files.write(1, [new Uint8Array(200_000).fill(1)]);
  const bytes = await files.write(2, [new Uint8Array(100_000).fill(2)], files.pathOf(1));
  assert.equal(statSync(files.pathOf(2)).size, bytes);
  assert.ok(files.open(2)[0]?.every((byte) => byte === 2));
  assert.throws(() => files.open(1), { code: "OBJECT_LOST" });
});

test("what is missing, of something else or cut off is lost", async () => {
  using folder = testFolder();
  const files = filesIn(folder.path);
  assert.throws(() => files.open(1), { code: "OBJECT_LOST", message: /no file/ });
  for (const bytes of [0, 7, 100, 40_000]) {
    writeFileSync(files.pathOf(2), new Uint8Array(bytes).fill(255));
    assert.throws(() => files.open(2), { code: "OBJECT_LOST", message: /damaged/ });
  }
  await files.write(3, [new Uint8Array(50_000), new Uint8Array(50_000)]);
  for (const left of [90_000, 20]) {
    truncateSync(files.pathOf(3), left);
    assert.throws(() => files.open(3), { code: "OBJECT_LOST", message: /cut off/ });
  }
});

test("a full mount is a typed error, and leaves no file", { skip: NO_MOUNTS }, async () => {
  using mount = smallMount(1_000_000);
  const files = filesIn(mount.path);
  await files.write(1, [new Uint8Array(500_000)]);
  const writing = files.write(2, [new Uint8Array(600_000)]);
  await assert.rejects(writing, { code: "OBJECT_STORE_FULL", message: /mount is full/ });
  assert.equal(readdirSync(mount.path).length, 1);
  await files.write(3, [new Uint8Array(300_000)]);
});

test("what a reader writes stays with it", async () => {
  using folder = testFolder();
  const files = filesIn(folder.path);
  await files.write(1, [new Uint8Array(100_000).fill(1)]);
  const before = readFileSync(files.pathOf(1));
  files.open(1)[0]?.fill(9);
  assert.ok(files.open(1)[0]?.every((byte) => byte === 1));
  assert.ok(before.equals(readFileSync(files.pathOf(1))));
});

test("a mapping ends when no view is left, and not before", {
  skip: !hasFfi && "needs node:ffi",
}, async () => {
  using folder = testFolder();
  await filesIn(folder.path).write(1, [new Uint8Array(1_000_000).fill(7)]);
  const mapper = new URL("./fixtures/mapper.ts", import.meta.url).pathname;
  const said = execFileSync(process.execPath, [mapper, folder.path], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(said), { opened: 20, held: 1, byte: 7, left: 0 });
});
