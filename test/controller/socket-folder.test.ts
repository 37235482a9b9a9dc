// The folder of data sockets: whose it is, and what the next server removes of one that was killed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openSocketFolder } from "../../controller/socket-folder.ts";

async function parentFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "shoal-test-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The id of a process that is gone. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "close");
  assert(child.pid !== undefined);
  return child.pid;
}

/** A socket file that nobody listens on, as a killed replica leaves it. */
async function deadSocket(path: string): Promise<void> {
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
  await once(spawn(process.execPath, ["-e", code], { stdio: "ignore" }), "close");
}

test("it is for this user alone, and named after the server's process", async (t) => {
  const parent = await parentFolder(t);
  const folder = await openSocketFolder(parent);
  assert.match(folder, new RegExp(`/shoal-${process.pid}-\\w{6}$`));
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

test("what a killed server left is removed", async (t) => {
  const parent = await parentFolder(t);
  const [empty, full] = [`shoal-${await deadPid()}-abcdef`, `shoal-${await deadPid()}-ABCDE1`];
  await mkdir(join(parent, empty));
  await mkdir(join(parent, full));
  await deadSocket(join(parent, full, "77.sock"));
  const beside = ["77.json", "77.json.new", "control.json", "serve.sqlite", "serve.sqlite-wal"];
  for (const name of beside) await writeFile(join(parent, full, name), "");
  assert.equal((await readdir(join(parent, full))).length, 1 + beside.length);
  const own = await openSocketFolder(parent);
  assert.deepEqual(await readdir(parent), [own.slice(parent.length + 1)]);
});

test("what is not surely stale stays (invariant 1)", async (t) => {
  const parent = await parentFolder(t);
  const dead = await deadPid();
  const kept = {
    alive: `shoal-${process.pid}-abcdef`,
    otherName: "shoal-abc-abcdef",
    longer: `shoal-${dead}-abcdefg`,
    notSockets: `shoal-${dead}-fedcba`,
    answers: `shoal-${dead}-answer`,
    link: `shoal-${dead}-linked`,
  };
  for (const name of Object.values(kept)) if (name !== kept.link) await mkdir(join(parent, name));
  await writeFile(join(parent, kept.notSockets, "77.sock"), "a file of somebody");
  await writeFile(join(parent, kept.notSockets, "notes.txt"), "a file of somebody");
  await symlink(join(parent, kept.otherName), join(parent, kept.link));
  const listening = createServer().listen(join(parent, kept.answers, "77.sock"));
  await once(listening, "listening");
  t.after(() => listening.close());
  const own = await openSocketFolder(parent);
  assert.deepEqual(
    (await readdir(parent)).sort(),
    [...Object.values(kept), own.slice(parent.length + 1)].sort(),
  );
  assert.deepEqual((await readdir(join(parent, kept.notSockets))).sort(), ["77.sock", "notes.txt"]);
});
