// `shoal stack`, asked of a real runtime by the real command.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { start } from "../runtime/core/runtime/support.ts";

const SHOAL = join(import.meta.dirname, "../../bin/shoal.js");
const run = promisify(execFile);

test("shoal stack tells what waits, and where a blocked worker is", async () => {
  await using started = await start();
  const { work } = started;
  work.spin(started.file("spins"));
  work.parentOf(started.file("waits"));
  const [pid = ""] = await started.lines("spins", 1);
  await started.lines("waits", 1);
  const asked = [SHOAL, "stack", "--timeout", "30", "--runtime", String(process.pid)];

  const { stdout } = await run(process.execPath, asked);
  assert.match(
    stdout,
    new RegExp(
      `worker \\d+ \\(pid ${pid}\\): BLOCKED.*\\n  spin \\(\\w+\\): RUNNING\\n    at spin \\(.*work\\.ts:\\d+:\\d+\\)`,
    ),
  );
  assert.match(
    stdout,
    /parentOf \(\w+\): WAITING for get of 1 object, [\d.]+ s\n {4}at parentOf \(.*work\.ts:/,
  );

  const json = await run(process.execPath, [...asked, "--json"]);
  const rows: readonly { pid: number; state: string }[] = JSON.parse(json.stdout);
  assert.equal(rows.find((row) => row.pid === Number(pid))?.state, "BLOCKED");
});
