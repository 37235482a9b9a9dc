// The records by which commands find servers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { findServer, removeRecord, type ServerRecord, writeRecord } from "../../cli/server-record.ts";

let folder = "";
const listening = createServer();
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
const given = process.env["SHOAL_STATE_DIR"];

before(async () => {
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
  process.env["SHOAL_STATE_DIR"] = folder;
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

after(async () => {
  if (given === undefined) delete process.env["SHOAL_STATE_DIR"];
  else process.env["SHOAL_STATE_DIR"] = given;
  listening.close();
  child.kill("SIGKILL");
  await once(child, "close");
});

function record(pid: number, port = (listening.address() as AddressInfo).port): ServerRecord {
  return { pid, url: "http://127.0.0.1:1", adminUrl: `http://127.0.0.1:${port}`, token: "secret" };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("a record is for this user's eyes only, and found again", async () => {
  await writeRecord(record(process.pid));
  const [name = ""] = await readdir(folder);
  assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
  assert.deepEqual(await findServer(undefined), record(process.pid));
  await removeRecord(process.pid);
  await assert.rejects(findServer(undefined), {
    exitCode: 3,
    message: /Cannot find a running server; start one/,
  });
});

test("a record whose server is gone is removed by whoever finds it, and by the next server (invariant 1)", async () => {
  const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(gone, "close");
  const pid = gone.pid ?? 0;
  await writeFile(join(folder, `${pid}.json`), JSON.stringify(record(pid)));
  await assert.rejects(findServer(undefined), { exitCode: 3 });
  assert.deepEqual(await readdir(folder), []);
  await writeFile(join(folder, `${pid}.json`), JSON.stringify(record(pid)));
  await writeRecord(record(process.pid));
  assert.deepEqual(await readdir(folder), [`${process.pid}.json`]);
});

test("a record whose process id another process has by now is removed as well (invariant 1)", async () => {
  const pid = child.pid ?? 0;
  await writeFile(join(folder, `${pid}.json`), JSON.stringify(record(pid, await freePort())));
  await assert.rejects(findServer(undefined), { exitCode: 3 });
  assert.deepEqual(await readdir(folder), []);
});

test("a listener that is away while its controller is started again is waited for (invariant 2)", async () => {
  const pid = child.pid ?? 0;
  const port = await freePort();
  await writeRecord({ ...record(pid, port), controllerApart: true });
  const found = findServer(undefined);
  const late = createServer();
  try {
    late.listen(port, "127.0.0.1");
    assert.equal((await found).pid, pid);
    assert.deepEqual(await readdir(folder), [`${pid}.json`]);
  } finally {
    late.close();
  }
});

test("what is no record is passed over", async () => {
  await writeFile(join(folder, "1.json"), '{"pid": 1, "adm');
  await writeFile(join(folder, "notes.txt"), "nothing of ours");
  await writeRecord(record(process.pid));
  assert.equal((await findServer(undefined)).pid, process.pid);
});

test("one of several is named by its admin port; without it they are listed", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await writeRecord(record(process.pid));
  await writeRecord(record(child.pid ?? 0, port));
  assert.equal((await findServer(port)).pid, child.pid);
  for (const unnamed of [undefined, 0]) {
    await assert.rejects(findServer(unnamed), {
      exitCode: 2,
      message: new RegExp(`^Found 2 running servers[^]*--admin-port ${port}`),
    });
  }
  await assert.rejects(findServer(await freePort()), { exitCode: 3, message: /with admin port/ });
  other.close();
  await once(other, "close");
});

test("without a folder there is no server", async () => {
  process.env["SHOAL_STATE_DIR"] = join(folder, "none");
  await assert.rejects(findServer(undefined), { exitCode: 3 });
});
