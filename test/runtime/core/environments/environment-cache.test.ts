// The cache of environments on a real folder, with several owners in one process.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EnvironmentCache } from "../../../../runtime/core/environments/environment-cache.ts";
import { listFiles } from "../../../../runtime/core/environments/file-tree.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { type Folder, makeFolder } from "./support.ts";

function cacheIn(folder: Folder, maxBytes = 1_000, clock = new FakeClock()): EnvironmentCache {
  return new EnvironmentCache({ folder: folder.at("cache"), maxBytes, clock });
}

/** Builds a file of so many bytes. */
const ofBytes =
  (bytes: number, mark = "x") =>
  async (content: string): Promise<void> =>
    await writeFile(join(content, "file"), mark.repeat(bytes));

function names(folder: Folder): string[] {
  return readdirSync(folder.at("cache")).filter((name) => name !== "uses");
}

test("1: what is built is there whole, once; a build that fails leaves nothing and is tried again", async () => {
  await using folder = await makeFolder();
  await using cache = cacheIn(folder);
  const failing = async (content: string): Promise<never> => {
    await writeFile(join(content, "half"), "");
    throw new Error("no network");
  };
  await assert.rejects(cache.acquire("npm-1", failing), /no network/);
  assert.deepEqual([names(folder), readdirSync(folder.at("cache/uses"))], [[], []]);
  let built = 0;
  const build = async (content: string): Promise<void> => {
    built++;
    await ofBytes(3)(content);
  };
  await using other = cacheIn(folder);
  const paths = await Promise.all([cache.acquire("npm-1", build), cache.acquire("npm-1", build)]);
  assert.equal(await other.acquire("npm-1", build), paths[0]);
  assert.deepEqual([new Set(paths).size, built, readdirSync(paths[0] ?? "")], [1, 1, ["file"]]);
});

test("1: a folder that cannot be made is tried again by the next", async () => {
  await using folder = await makeFolder();
  await using cache = cacheIn(folder);
  await writeFile(folder.at("cache"), "in the way");
  await assert.rejects(cache.acquire("a", ofBytes(1)), { code: "ENOTDIR" });
  await rm(folder.at("cache"));
  assert.match(await cache.acquire("a", ofBytes(1)), /content$/);
});

test("1: two owners that build the same at once end with one entry", async () => {
  await using folder = await makeFolder();
  await using one = cacheIn(folder);
  await using two = cacheIn(folder);
  const both = Promise.withResolvers<void>();
  let builders = 0;
  const build = async (content: string): Promise<void> => {
    if (++builders === 2) both.resolve();
    await both.promise;
    await ofBytes(3)(content);
  };
  const [first, second] = await Promise.all([one.acquire("npm-1", build), two.acquire("npm-1", build)]);
  assert.equal(first, second);
  assert.deepEqual([builders, names(folder)], [2, ["npm-1"]]);
});

test("1: a waiter does not fail because another one's time is up", async () => {
  await using folder = await makeFolder();
  await using cache = cacheIn(folder);
  const impatient = cache.acquire("npm-1", () => Promise.reject(new Error("not done in time")));
  const patient = cache.acquire("npm-1", ofBytes(1));
  await assert.rejects(impatient, /not done in time/);
  assert.deepEqual(readdirSync(await patient), ["file"]);
});

test("2: a changed entry is built again; where others use it, beside it", async () => {
  await using folder = await makeFolder();
  await using user = cacheIn(folder);
  const used = await user.acquire("dir-1", ofBytes(3, "a"));
  await writeFile(join(used, "more"), "");
  await using other = cacheIn(folder);
  const beside = await other.acquire("dir-1", ofBytes(3, "a"));
  assert.notEqual(beside, used);
  assert.deepEqual([readdirSync(used), readdirSync(beside)], [["file", "more"], ["file"]]);
  await user[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await using later = cacheIn(folder);
  assert.equal(await later.acquire("dir-1", ofBytes(3, "b")), used);
  assert.equal(readFileSync(join(used, "file"), "utf8"), "bbb");
});

test("2: so is one whose record is damaged", async () => {
  await using folder = await makeFolder();
  await using first = cacheIn(folder);
  await first.acquire("dir-1", ofBytes(3, "a"));
  await first[Symbol.asyncDispose]();
  await writeFile(folder.at("cache/dir-1/entry.json"), "{");
  await using second = cacheIn(folder);
  assert.equal(readFileSync(join(await second.acquire("dir-1", ofBytes(1, "b")), "file"), "utf8"), "b");
});

test("3: above the limit the least recently used goes, what is in use stays", async () => {
  await using folder = await makeFolder();
  const clock = new FakeClock();
  const useOnce = async (name: string): Promise<void> => {
    await using cache = cacheIn(folder, 1_000, clock);
    await cache.acquire(name, ofBytes(400));
    clock.advance(1_000);
  };
  await using holder = cacheIn(folder, 1_000, clock);
  await holder.acquire("a", ofBytes(400));
  clock.advance(1_000);
  await useOnce("b");
  await useOnce("c");
  assert.deepEqual(names(folder), ["a", "c"], "b was oldest of those not in use");
  await useOnce("a");
  await useOnce("c");
  await holder[Symbol.asyncDispose]();
  await useOnce("d");
  assert.deepEqual(names(folder), ["c", "d"]);
});

test("3, 4: marks and unfinished work of a dead process are removed, those of others not before a day", async () => {
  await using folder = await makeFolder();
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  const host = hostname().replaceAll(/[^\w.-]/g, "_");
  const [dead, alive] = [`${host}~${child.pid}~1`, `${host}~${process.pid}~1`];
  for (const owner of [dead, alive, "elsewhere~1~1", "elsewhere~2~2"]) {
    await mkdir(folder.at(`cache/npm-1@${owner}~1/content`), { recursive: true });
  }
  const clock = new FakeClock();
  const today = clock.epochMs() / 1_000;
  await utimes(folder.at("cache/npm-1@elsewhere~1~1~1"), today - 90_000, today - 90_000);
  await utimes(folder.at("cache/npm-1@elsewhere~2~2~1"), today, today);
  await using first = cacheIn(folder, 1_000, clock);
  await first.acquire("old", ofBytes(800));
  await first[Symbol.asyncDispose]();
  const left = names(folder).filter((name) => name.includes("@"));
  assert.deepEqual(left.toSorted(), [`npm-1@${alive}~1`, "npm-1@elsewhere~2~2~1"].toSorted());
  await writeFile(folder.at(`cache/uses/old@${dead}`), "");
  clock.advance(1_000);
  await using second = cacheIn(folder, 1_000, clock);
  await second.acquire("new", ofBytes(800));
  assert.ok(!names(folder).includes("old"), "a dead process uses nothing");
});

test("5: others cannot write into the cache", async () => {
  await using folder = await makeFolder();
  await mkdir(folder.at("cache"));
  await chmod(folder.at("cache"), 0o777);
  await using cache = cacheIn(folder);
  await cache.acquire("a", ofBytes(1));
  assert.equal(statSync(folder.at("cache")).mode & 0o777, 0o700);
});

test("a folder above the limit is refused with its largest files named; what is left out does not count", async () => {
  await using folder = await makeFolder();
  await folder.write({
    "big.bin": "x".repeat(2_000_000),
    "small.txt": "x",
    "node_modules/a/index.js": "x".repeat(2_000_000),
  });
  const options = { maxBytes: 1_000_000, signal: AbortSignal.timeout(60_000) };
  await assert.rejects(listFiles(folder.path, { ...options, excludes: [] }), {
    code: "INVALID_ARGUMENT",
    message: /found 1\.9 MiB, wanted at most 1\.0 MiB; the largest are big\.bin \(1\.9 MiB\), small\.txt/,
  });
  const files = await listFiles(folder.path, { ...options, excludes: ["*.bin"] });
  assert.deepEqual(files, [{ path: "small.txt", bytes: 1, executable: false }]);
});
