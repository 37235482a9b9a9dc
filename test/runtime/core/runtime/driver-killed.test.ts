// The driver is killed: nothing of its runtime is left.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRunning } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { start } from "./support.ts";

for (const [how, nodeOptions] of [
  ["by the kernel", ""],
  ["by their watchdogs, where the C library cannot be called", "--no-experimental-ffi"],
] as const) {
  test(`after SIGKILL of the driver its workers end ${how}, and the next runtime sweeps its memory`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "driver-killed-"));
    const file = join(folder, "spin");
    const driver = spawn(process.execPath, [join(import.meta.dirname, "fixtures/driver.ts"), file], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: nodeOptions },
    });
    try {
      const [said] = (await once(driver.stdout, "data")) as [Buffer];
      const pids: number[] = JSON.parse(said.toString());
      const spinning = (): number => Number(readFileSync(file, "utf8"));
      await eventually("a task spins", () => readdirSync(folder).length === 2 && spinning() > 0);
      const all = new Set([...pids, spinning(), Number(readFileSync(`${file}-b`, "utf8"))]);
      assert.ok([...all].every(isRunning));
      driver.kill("SIGKILL");
      await once(driver, "exit");
      await eventually("every worker is gone, the blocked one too", () => ![...all].some(isRunning));
      const left = (): string[] =>
        readdirSync("/dev/shm").filter((name) => name.startsWith(`shoal-${driver.pid}-`));
      // Another runtime on this machine may have swept it already.
      assert(left().length <= 1);
      await using _started = await start();
      assert.deepEqual(left(), []);
    } finally {
      driver.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
