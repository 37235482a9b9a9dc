// The objects of a runtime in memory and on disk.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { systemClock } from "../../../../runtime/base/index.ts";
import { silentLog } from "../../../../runtime/base/log/index.ts";
import { collectGarbage, ObjectStore, SharedMemoryFolder } from "../../../../runtime/core/objects/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { NO_FFI, NO_MOUNTS, smallMount, testFolder } from "./support.ts";

const SIZE = 100_000;

function start(spillFolder: string, capacityBytes = 3.5 * SIZE): Promise<ObjectStore> {
  return ObjectStore.start({ capacityBytes, spillFolder, clock: systemClock, log: silentLog });
}

async function write(store: ObjectStore, id: number, size = SIZE): Promise<void> {
  await store.write(id, [new Uint8Array(size).fill(id)]);
}

/** That the object reads as it was written. */
async function check(store: ObjectStore, id: number): Promise<void> {
  await store.restore(id);
  assert.ok(
    store.open(id)[0]?.every((byte) => byte === id),
    `object ${id}`,
  );
}

function filesOf({ folders }: ObjectStore): number {
  return readdirSync(folders.memory).length + readdirSync(folders.spill).length;
}

suite("room", () => {
  test("what was used longest ago is spilled, and comes back (invariant 1)", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    for (const id of [1, 2, 3]) await write(store, id);
    store.open(1);
    await write(store, 4);
    assert.deepEqual(
      [1, 2, 3, 4].map((id) => store.isSpilled(id)),
      [false, true, false, false],
    );
    const { bytes, spilledBytes, ...counts } = store.stats();
    assert.deepEqual(counts, {
      objects: 4,
      capacityBytes: 350_000,
      spilledObjects: 1,
      spills: 1,
      restores: 0,
    });
    assert.ok(bytes >= 3 * SIZE && bytes <= 350_000);
    assert.ok(spilledBytes >= SIZE);
    store.delete(1);
    await check(store, 2);
    assert.equal(store.isSpilled(2), false);
    assert.equal(store.stats().restores, 1);
    for (const id of [2, 3, 4]) await check(store, id);
  });

  test("what a worker wrote counts from when it is adopted", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    for (const id of [1, 2, 3]) await write(store, id);
    await store.room(SIZE);
    assert.equal(store.stats().spilledObjects, 1);
    const files = SharedMemoryFolder.at(store.folders);
    store.adopt(5, await files.write(5, [new Uint8Array(SIZE).fill(5)]));
    assert.equal(store.stats().objects, 4);
    for (const id of [1, 2, 3, 5]) await check(store, id);
  });

  test("more than the capacity is refused at once", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    await write(store, 1);
    await assert.rejects(store.room(4 * SIZE), { code: "OBJECT_STORE_FULL", message: /has 350000/ });
    assert.equal(store.isSpilled(1), false);
  });

  test("a full disk is a typed error and loses nothing (invariant 3)", { skip: NO_MOUNTS }, async () => {
    using disk = smallMount(150_000);
    await using store = await start(disk.path);
    for (const id of [1, 2, 3, 4]) await write(store, id);
    await assert.rejects(write(store, 5), { code: "OBJECT_STORE_FULL", message: /disk is full/ });
    assert.equal(filesOf(store), 4);
    for (const id of [1, 2, 3, 4]) await check(store, id);
    store.delete(2);
    store.delete(3);
    await write(store, 6);
    await check(store, 6);
  });

  test("a spill folder that is gone is a typed error and loses nothing (invariant 3)", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    for (const id of [1, 2, 3]) await write(store, id);
    rmSync(store.folders.spill, { recursive: true });
    await assert.rejects(write(store, 4), { code: "OBJECT_STORE_FULL" });
    for (const id of [1, 2, 3]) await check(store, id);
    mkdirSync(store.folders.spill);
  });
});

suite("while objects move", () => {
  test("many readers of spilled objects find each whole (invariant 2)", async () => {
    using disk = testFolder();
    await using store = await start(disk.path, 6.5 * SIZE);
    const ids = Array.from({ length: 20 }, (_, at) => at + 1);
    for (const id of ids) await write(store, id);
    for (const id of ids.slice(10)) store.delete(id);
    const reads = ids.slice(0, 10).flatMap((id) => [check(store, id), check(store, id)]);
    await Promise.all([...reads, write(store, 31), write(store, 32)]);
    const { objects, bytes, spilledBytes } = store.stats();
    assert.equal(objects, 12);
    assert.ok(bytes <= 6.5 * SIZE);
    const size = (folder: string): number =>
      readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    await eventually("the files are what is counted", () => {
      return size(store.folders.memory) === bytes && size(store.folders.spill) === spilledBytes;
    });
  });

  test("an object deleted while it moves leaves no file (invariant 4)", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    for (const id of [1, 2, 3, 4]) await write(store, id);
    for (const id of [2, 3]) store.delete(id);
    const back = assert.rejects(store.restore(1), { code: "OBJECT_LOST" });
    await Promise.resolve();
    store.delete(1);
    await back;
    await write(store, 5);
    const room = store.room(2.5 * SIZE);
    await Promise.resolve();
    for (const id of [4, 5]) store.delete(id);
    await room;
    await eventually("no file is left", () => filesOf(store) === 0);
    assert.deepEqual([store.stats().bytes, store.stats().spilledBytes], [0, 0]);
  });

  test("an object written again after it was deleted stays", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    for (let round = 0; round < 20; round++) {
      await write(store, 1);
      store.delete(1);
      await write(store, 1);
      await check(store, 1);
    }
    await eventually("one file is left", () => filesOf(store) === 1);
    await check(store, 1);
  });
});

test("a spilled object that is made again leaves nothing on disk", async () => {
  using disk = testFolder();
  await using store = await start(disk.path);
  for (const id of [1, 2, 3, 4]) await write(store, id);
  assert.equal(store.isSpilled(1), true);
  await write(store, 1);
  await check(store, 1);
  for (const id of [1, 2, 3, 4]) store.delete(id);
  await eventually("nothing is left", () => filesOf(store) === 0);
});

test("where nothing can be spilled to it does not start, and leaves nothing", async () => {
  using disk = testFolder();
  const own = (): string[] =>
    readdirSync("/dev/shm").filter((name) => name.startsWith(`shoal-${process.pid}-`));
  const before = own();
  await assert.rejects(start(join(disk.path, "missing")), {
    code: "INVALID_ARGUMENT",
    message: /Cannot spill objects to ".*missing": .*ENOENT/,
  });
  assert.deepEqual(own(), before);
});

test("references that are collected while the store ends do not hold it up", async () => {
  using disk = testFolder();
  const store = await start(disk.path, 100 * SIZE);
  for (let id = 1; id <= 500; id++) await write(store, id, 100);
  const disposed = store[Symbol.asyncDispose]();
  for (let id = 500; id > 0; id--) {
    store.delete(id);
    if (id % 10 === 0) await turn();
  }
  await disposed;
  assert.equal(existsSync(store.folders.memory), false);
});

suite("loss", () => {
  test("a file that is gone or cut off is told, in memory and on disk", async () => {
    using disk = testFolder();
    await using store = await start(disk.path);
    for (const id of [1, 2, 3, 4, 5]) await write(store, id);
    const files = SharedMemoryFolder.at(store.folders);
    rmSync(files.spillPathOf(1));
    truncateSync(files.spillPathOf(2), 10);
    rmSync(files.pathOf(3));
    truncateSync(files.pathOf(4), 10);
    for (const id of [1, 2, 3, 4, 99]) await assert.rejects(store.restore(id), { code: "OBJECT_LOST" });
    assert.deepEqual(
      [3, 5].map((id) => store.isAtHand(id)),
      [false, true],
    );
    await check(store, 5);
  });

  test("folders of runtimes that were killed are swept, those of others stay", async () => {
    using disk = testFolder();
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const [dead, alive] = [`shoal-spill-${pid}-abc`, `shoal-spill-${process.pid}-abc`];
    for (const name of [dead, alive, "shoal-spill-x"]) mkdirSync(join(disk.path, name));
    const store = await start(disk.path);
    assert.deepEqual(
      [dead, alive, "shoal-spill-x"].map((name) => existsSync(join(disk.path, name))),
      [false, true, true],
    );
    assert.equal(statSync(store.folders.memory).mode & 0o777, 0o700);
    await write(store, 1);
    await store[Symbol.asyncDispose]();
    assert.ok(!existsSync(store.folders.memory) && !existsSync(store.folders.spill));
  });
});

suite("files that are written over", () => {
  const MIB = 2 ** 20;
  const inode = ({ folders }: ObjectStore, id: number): number =>
    statSync(SharedMemoryFolder.at(folders).pathOf(id)).ino;

  test("one that was read is, once no view is left, and not before", { skip: NO_FFI }, async () => {
    using disk = testFolder();
    await using store = await start(disk.path, 64 * MIB);
    await write(store, 1, 2 * MIB);
    const first = inode(store, 1);
    const view = store.open(1)[0];
    store.delete(1);
    await write(store, 2, 2 * MIB);
    const second = inode(store, 2);
    assert.notEqual(second, first);
    assert.ok(
      view?.every((byte) => byte === 1),
      "what is still read is not touched",
    );
    store.open(2);
    await collectGarbage();
    store.delete(2);
    await write(store, 3, 2 * MIB);
    assert.equal(inode(store, 3), second);
    await check(store, 3);
  });

  test("they count as memory that is taken, and go when it is needed (invariant 1)", async () => {
    using disk = testFolder();
    await using store = await start(disk.path, 8 * MIB);
    await write(store, 1, 1.5 * MIB);
    store.delete(1);
    assert.equal(filesOf(store), 1, "it is kept");
    for (const id of [2, 3, 4]) await write(store, id, 2.2 * MIB);
    const { memory } = store.folders;
    const taken = readdirSync(memory).reduce((sum, name) => sum + statSync(join(memory, name)).size, 0);
    assert.ok(taken > 6 * MIB && taken <= 8 * MIB, `${taken} bytes are taken`);
    assert.equal(store.stats().spills, 0);
  });

  test("none is left with a process that went while it waited for room", async () => {
    using disk = testFolder();
    await using store = await start(disk.path, 64 * MIB);
    await write(store, 1, 2 * MIB);
    store.delete(1);
    assert.equal(filesOf(store), 1, "there is one to give");
    const asked = store.room(2 * MIB, { writer: 900 });
    await store.removeUnfinished(900);
    assert.equal(await asked, undefined);
    await eventually("the file is gone", () => filesOf(store) === 0);
  });

  test("a file goes to who wrote it last, else to who comes (spare files' invariant 2)", async () => {
    using disk = testFolder();
    await using store = await start(disk.path, 64 * MIB);
    const files = SharedMemoryFolder.at(store.folders);
    const inodes: number[] = [];
    for (const id of [1, 2, 3]) {
      store.adopt(id, await files.write(id, [new Uint8Array(2 * MIB)]), 900 + id);
      inodes.push(inode(store, id));
    }
    for (const id of [1, 2, 3]) store.delete(id);
    const lent = async (writer: number): Promise<number> => {
      const path = (await store.room(2 * MIB, { writer })) ?? "";
      assert.ok(path.endsWith(`.${writer}.new`));
      return inodes.indexOf(statSync(path).ino);
    };
    assert.deepEqual([await lent(902), await lent(999), await lent(901)], [1, 2, 0]);
    assert.equal(await store.room(2 * MIB, { writer: 901 }), undefined);
    await store.removeUnfinished(901);
    await eventually("what a dead process was lent is gone", () => filesOf(store) === 2);
  });

  test("memory comes back at once, also of a file that is mapped to be written", {
    skip: NO_FFI,
  }, async () => {
    using disk = testFolder();
    await using store = await start(disk.path, 8 * MIB);
    await write(store, 1, 1.9 * MIB);
    store.delete(1);
    await write(store, 2, 1.9 * MIB);
    const watched = openSync(SharedMemoryFolder.at(store.folders).pathOf(2), "r");
    assert.ok(readFileSync("/proc/self/maps", "utf8").includes(store.folders.memory), "it is mapped");
    store.delete(2);
    await write(store, 3, 7 * MIB);
    assert.equal(fstatSync(watched).blocks, 0);
    closeSync(watched);
    await check(store, 3);
  });
});
