// The driver is killed: nothing of its runtime is left.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isRunning } from "../../../../runtime/core/index.ts";
import { stateSocketOf } from "../../../../runtime/core/state/state-client.ts";
import { eventually } from "../../../support/eventually.ts";

for (const [how, nodeOptions] of [
  ["by the kernel", ""],
  ["by their watchdogs, where the C library cannot be called", "--no-experimental-ffi"],
] as const) {
  test(`after SIGKILL of the driver its workers end ${how}, and its files are removed`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "driver-killed-"));
    const file = join(folder, "spin");
    const driver = spawn(process.execPath, [join(import.meta.dirname, "fixtures/driver.ts"), file], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: nodeOptions },
    });
    try {
      const [said] = (await once(driver.stdout, "data")) as [Buffer];
      const pids: number[] = JSON.parse(said.toString());
      // A file is there before what is written into it.
      const begun = (): number[] =>
        readdirSync(folder).map((name) => Number(readFileSync(join(folder, name), "utf8")));
      await eventually("both tasks run", () => begun().filter((pid) => pid > 0).length === 2);
      const all = new Set([...pids, ...begun()]);
      assert.ok([...all].every(isRunning) && existsSync(stateSocketOf(driver.pid ?? 0)));
      driver.kill("SIGKILL");
      await once(driver, "exit");
      await eventually("every worker is gone, the blocked one too", () => ![...all].some(isRunning));
      const OWN = new RegExp(`^shoal-(?:spill-)?${driver.pid}-`);
      const left = (): string[] =>
        [...readdirSync("/dev/shm"), ...readdirSync(tmpdir())].filter((name) => OWN.test(name));
      await eventually(
        "no file is left",
        () => left().length === 0 && !existsSync(stateSocketOf(driver.pid ?? 0)),
      );
    } finally {
      driver.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
