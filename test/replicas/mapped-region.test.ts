// Bodies and answers in memory that two processes have mapped: who may look, what is refused, and that nothing is left.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AnswerRegion, AnswerRoom } from "../../replicas/answer-region.ts";
import { BodyRegion, openBody, placeOf } from "../../replicas/body-region.ts";
import { canMapRegions, MappedRegion } from "../../replicas/mapped-region.ts";
import { freeLarge, LARGE_BYTES } from "../../runtime/base/index.ts";
import { until } from "./support.ts";

const skip = canMapRegions() ? false : "memory cannot be mapped here";
const SIZE = 300_000;

/** Files without a name that this process holds, and mappings of them. */
function held(): { files: number; mappings: number } {
  const isRegion = (text: string): boolean => /\/dev\/shm\/shoal-.*\(deleted\)/.test(text);
  const files = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // the listing's own
    }
  });
  const mappings = readFileSync("/proc/self/maps", "utf8").split("\n");
  return { files: files.filter(isRegion).length, mappings: mappings.filter(isRegion).length };
}

function bodyOf(bytes: Uint8Array, headerLength: number): Buffer {
  const region = BodyRegion.create(headerLength);
  assert(region?.write(bytes, 0) === true);
  const body = region.map(bytes.byteLength);
  assert(body !== undefined);
  return body;
}

describe("a body in a region", { skip }, () => {
  it("is what was written, for who received it and who computes from it, and its elements are aligned (body 1)", () => {
    for (const headerLength of [0, 1, 151, 64, 70_001]) {
      const bytes = randomBytes(SIZE);
      const body = bodyOf(bytes, headerLength);
      const elements = body.subarray(headerLength);
      const parts = [elements.subarray(0, 1000), elements.subarray(1000)];
      const opened = openBody(placeOf(parts) ?? "");
      assert(body.equals(bytes) && opened.equals(bytes.subarray(headerLength)));
      assert.equal(opened.byteOffset, 0);
      [opened, body].forEach(freeLarge);
    }
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });

  it("is there for its reader when its sender has freed it, and ends with both (invariants 1 and 3)", () => {
    const bytes = randomBytes(SIZE);
    const body = bodyOf(bytes, 0);
    const opened = openBody(placeOf([body]) ?? "");
    freeLarge(body);
    assert.equal(body.byteLength, 0, "no view reaches memory that is gone");
    assert(opened.equals(bytes));
    freeLarge(opened);
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });

  it("ends also when nobody has freed it (invariant 3)", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    bodyOf(randomBytes(SIZE), 0);
    await until(() => {
      collect();
      return held().mappings === 0;
    });
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });

  it("has no place where its parts are elsewhere or in another order", () => {
    const body = bodyOf(randomBytes(SIZE), 0);
    const [first, second] = [body.subarray(0, LARGE_BYTES), body.subarray(LARGE_BYTES, 2 * LARGE_BYTES)];
    assert.notEqual(placeOf([first, second]), undefined);
    assert.equal(placeOf([second, first]), undefined);
    assert.equal(placeOf([first, Buffer.alloc(LARGE_BYTES)]), undefined);
    assert.equal(placeOf([Buffer.alloc(LARGE_BYTES)]), undefined);
    assert.equal(placeOf([]), undefined);
    freeLarge(body);
  });

  it("has no place for few elements of it: who reads them would hold all of it (body 3)", () => {
    const body = bodyOf(randomBytes(SIZE), 0);
    assert.equal(placeOf([body.subarray(0, LARGE_BYTES - 1)]), undefined);
    assert.equal(placeOf([body.subarray(8, 8)]), undefined);
    const opened = openBody(placeOf([body.subarray(8, 8 + LARGE_BYTES)]) ?? "");
    [opened, body].forEach(freeLarge);
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });

  it("is refused typed when it is not what it is said to be (invariants 2 and 4)", () => {
    const body = bodyOf(randomBytes(SIZE), 0);
    const place = placeOf([body]) ?? "";
    const [pid = "", file = "", inode = ""] = place.split("/");
    const wrong = [
      place.replace(/\d+$/, String(SIZE + 1)), // more than there is
      `${pid}/${file}/${Number(inode) + 1}/0/${SIZE}`, // the number is another file's by now
      `${pid}/999999/${inode}/0/${SIZE}`,
      "../../etc/passwd",
    ];
    for (const name of wrong) assert.throws(() => openBody(name), { code: "INVALID_ARGUMENT" });
    freeLarge(body);
    assert.throws(() => openBody(place), { code: "INVALID_ARGUMENT" }, "freed");
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });

  it("leaves a file alone that has the number now, and a name (invariant 4)", () => {
    const folder = mkdtempSync(join(tmpdir(), "shoal-test-"));
    const file = openSync(join(folder, "precious"), "w+");
    const { ino } = { ino: readFileSync(`/proc/self/fdinfo/${file}`, "utf8").match(/ino:\s+(\d+)/)?.[1] };
    assert.throws(() => MappedRegion.open(`${process.pid}/${file}/${ino}`), { code: "INVALID_ARGUMENT" });
    unlinkSync(join(folder, "precious"));
    rmSync(folder, { recursive: true });
  });

  it("with a hole in it is not mapped: to touch that could end the process (invariant 2)", () => {
    const region = MappedRegion.create();
    assert(region?.write(Buffer.from([1]), 10_000_000) === true);
    assert.throws(() => region.map(0, 10_000_001), { code: "INVALID_ARGUMENT" });
    region[Symbol.dispose]();
  });
});

describe("room for an answer", { skip }, () => {
  it("is written by the one and read by the other", () => {
    const region = AnswerRegion.create();
    assert(region !== undefined);
    const room = new AnswerRoom(region.name);
    const bytes = room.take(SIZE);
    assert(bytes !== undefined);
    assert.equal(room.take(8), undefined, "once");
    bytes.fill(7);
    assert.equal(
      room.holds([{ name: "y", datatype: "UINT8", shape: [8], bytes: bytes.subarray(0, 8) }]),
      true,
    );
    assert.equal(room.holds([{ name: "y", datatype: "UINT8", shape: [8], bytes: new Uint8Array(8) }]), false);
    freeLarge(bytes);
    const answer = region.take(SIZE);
    assert.deepEqual([answer.byteLength, answer[0], answer[SIZE - 1]], [SIZE, 7, 7]);
    freeLarge(answer);
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });

  it("that cannot be had is none, and one that was not filled is refused", () => {
    const region = AnswerRegion.create();
    assert(region !== undefined);
    assert.equal(new AnswerRoom(region.name).take(2 ** 50), undefined);
    assert.throws(() => region.take(SIZE), { code: "INVALID_ARGUMENT" });
    region[Symbol.dispose]();
    assert.equal(new AnswerRoom(region.name).take(SIZE), undefined, "gone");
    assert.deepEqual(held(), { files: 0, mappings: 0 });
  });
});
