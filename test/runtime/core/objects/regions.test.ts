// Files written over through the memory that they are.

import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Regions } from "../../../../runtime/core/objects/index.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { NO_FFI, NO_MOUNTS, smallMount, type TestFolder, testFolder } from "./support.ts";

const MIB = 2 ** 20;

function sharedFolder(): TestFolder {
  const path = mkdtempSync("/dev/shm/regions-test-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A file of that many bytes, all 1. */
function fileIn(folder: TestFolder, byteLength: number, name = "file"): string {
  const path = join(folder.path, name);
  writeFileSync(path, Buffer.alloc(byteLength, 1));
  return path;
}

function filled(byteLength: number, byte: number): Uint8Array {
  return new Uint8Array(byteLength).fill(byte);
}

/** How often files of the folder are mapped here. */
function mappings(folder: TestFolder): number {
  return readFileSync("/proc/self/maps", "utf8").split(folder.path).length - 1;
}

suite("regions", { skip: NO_FFI }, () => {
  test("pieces of any length are written one after the other, whatever pages they begin in", async () => {
    using folder = sharedFolder();
    using regions = new Regions(new FakeClock());
    const path = fileIn(folder, 40 * MIB + 5);
    const lengths = [64, 1, 4_095, 0, 4_096, 17 * MIB + 3, 63, 20 * MIB];
    for (const shift of [2, 100]) {
      const pieces = lengths.map((length, at) => filled(length, at + shift));
      assert.equal(await regions.write(path, pieces), true);
      const written = Buffer.concat(pieces);
      const bytes = readFileSync(path);
      assert.ok(bytes.subarray(0, written.byteLength).equals(written));
      assert.ok(bytes.subarray(written.byteLength).every((byte) => byte === 1));
    }
    assert.equal(regions.size, 1);
  });

  test("what was never looked at, what begins anywhere, and what is shared between threads is written whole", async () => {
    using folder = sharedFolder();
    using regions = new Regions(new FakeClock());
    const path = fileIn(folder, 30 * MIB);
    const untouched = new Uint8Array(3 * MIB);
    const inside = filled(9 * MIB + 77, 7).subarray(33);
    const shared = new Uint8Array(new SharedArrayBuffer(2 * MIB)).fill(9);
    const pieces = [filled(40, 1), untouched, inside, filled(3, 2), shared];
    assert.equal(await regions.write(path, pieces), true);
    const written = Buffer.concat(pieces);
    assert.ok(readFileSync(path).subarray(0, written.byteLength).equals(written));
  });

  test("a file's memory is known under any name, and let go of when it is not used (invariant 3)", async () => {
    using folder = sharedFolder();
    const clock = new FakeClock();
    using regions = new Regions(clock);
    const path = fileIn(folder, MIB);
    await regions.write(path, [filled(MIB, 2)]);
    clock.advance(1_500);
    renameSync(path, `${path}2`);
    await regions.write(`${path}2`, [filled(MIB, 3)]);
    await regions.write(fileIn(folder, MIB), [filled(MIB, 4)]);
    assert.equal(mappings(folder), 2);
    clock.advance(1_000);
    assert.equal(mappings(folder), 2, "what was used since stays");
    rmSync(path);
    clock.advance(1_000);
    assert.deepEqual([mappings(folder), regions.size, clock.pending], [0, 0, 0]);
    assert.equal(readFileSync(`${path}2`)[MIB - 1], 3);
  });

  test("a file that was cut is mapped anew; one that is too small is left to the file system", async () => {
    using folder = sharedFolder();
    using regions = new Regions(new FakeClock());
    const path = fileIn(folder, 2 * MIB);
    assert.equal(await regions.write(path, [filled(2 * MIB, 2)]), true);
    truncateSync(path, MIB);
    assert.equal(await regions.write(path, [filled(2 * MIB, 3)]), false);
    assert.equal(await regions.write(path, [filled(MIB, 4)]), true);
    assert.deepEqual([...new Set(readFileSync(path))], [4]);
    assert.equal(mappings(folder), 1);
  });

  test("on a disk nothing is mapped", async () => {
    using folder = testFolder();
    using regions = new Regions(new FakeClock());
    assert.equal(await regions.write(fileIn(folder, MIB), [filled(MIB, 2)]), false);
    assert.equal(mappings(folder), 0);
  });

  test("pages that a full mount has not are no signal (invariant 2)", { skip: NO_MOUNTS }, async () => {
    using mount = smallMount(2 * MIB);
    using regions = new Regions(new FakeClock());
    const path = join(mount.path, "sparse");
    const file = openSync(path, "w");
    writeSync(file, Buffer.from([1]), 0, 1, 4 * MIB - 1);
    closeSync(file);
    assert.equal(await regions.write(path, [filled(4 * MIB, 2)]), false);
  });

  test("a piece that is transferred away meanwhile is refused", async () => {
    using folder = sharedFolder();
    using regions = new Regions(new FakeClock());
    const memory = new ArrayBuffer(40 * MIB);
    const written = assert.rejects(regions.write(fileIn(folder, 40 * MIB), [new Uint8Array(memory)]), {
      code: "INVALID_ARGUMENT",
      message: /transferred away/,
    });
    structuredClone(memory, { transfer: [memory] });
    await written;
    assert.equal(regions.size, 1);
  });

  test("what is disposed of while it writes ends the write first (invariant 4)", async () => {
    using folder = sharedFolder();
    const clock = new FakeClock();
    const regions = new Regions(clock);
    const path = fileIn(folder, 40 * MIB);
    const written = regions.write(path, [filled(40 * MIB, 2)]);
    await setImmediate();
    regions[Symbol.dispose]();
    assert.equal(await written, true);
    assert.deepEqual([mappings(folder), regions.size, clock.pending], [0, 0, 0]);
    assert.equal(await regions.write(path, [filled(1, 2)]), false);
  });
});
