// What of /proc the chaos scenarios go by.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { isRunning, listenersOn, privateBytes } from "../../../loadtests/chaos/process-table.ts";

test("a process that ended does not run, and who listens is found", {
  skip: process.platform !== "linux",
}, async () => {
  assert.equal(isRunning(process.pid), true);
  assert(privateBytes(process.pid) > 1_000_000);
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  const pid = child.pid ?? -1;
  await once(child, "close");
  assert.deepEqual([isRunning(pid), privateBytes(pid)], [false, 0]);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  assert.deepEqual(listenersOn(address.port), [process.pid]);
  server.close();
  await once(server, "close");
  assert.deepEqual(listenersOn(address.port), []);
});
