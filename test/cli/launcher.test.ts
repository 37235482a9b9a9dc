// What the npm scripts are started by (`bin/node.js`), when npm is ended and not the terminal's whole group.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../bin/node.js", import.meta.url));
/** Says each signal it gets; ends by itself should the test fail. */
const CHILD = `
  process.on("SIGTERM", () => { console.log("SIGTERM"); setTimeout(() => process.exit(), 1_500); });
  setTimeout(() => process.exit(), 30_000);
  console.log("ready");`;

test("what runs is told once to end when the shell that npm started is gone", {
  timeout: 60_000,
}, async () => {
  // Like npm's: a shell that stays, waits, and passes nothing on.
  const shell = spawn("/bin/sh", ["-c", '"$0" "$@"; exit', process.execPath, LAUNCHER, "-e", CHILD], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const output = createInterface({ input: shell.stdout });
  for await (const line of output) {
    lines.push(line);
    if (line === "ready") shell.kill("SIGTERM");
  }
  if (shell.exitCode === null && shell.signalCode === null) await once(shell, "exit");
  assert.equal(shell.signalCode, "SIGTERM");
  assert.deepEqual(lines, ["ready", "SIGTERM"]);
});
