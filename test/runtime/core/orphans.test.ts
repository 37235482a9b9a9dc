// An actor does not outlive its parent, whatever it is doing (watchdog invariants).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../runtime/base/index.ts";
import { isGone } from "./support.ts";

const PARENT = fileURLToPath(new URL("./fixtures/orphaning-parent.ts", import.meta.url));
const POLL_MS = 20;
const DEADLINE_MS = 30_000;

describe("an actor whose parent is killed", { timeout: 600_000 }, () => {
  for (const doing of ["idle", "wait", "spin"]) {
    it(`ends itself when it is in "${doing}"`, async () => {
      const parent = spawn(process.execPath, [PARENT, doing], { stdio: ["ignore", "pipe", "inherit"] });
      const lines = createInterface({ input: parent.stdout });
      const [line] = await once(lines, "line");
      const pid = Number(line);
      try {
        assert(!isGone(pid), "it ran when its parent was killed");
        parent.kill("SIGKILL");
        await once(parent, "exit");
        const untilMs = systemClock.nowMs() + DEADLINE_MS;
        while (!isGone(pid)) {
          assert(systemClock.nowMs() < untilMs, `process ${pid} still runs`);
          await systemClock.sleep(POLL_MS);
        }
      } finally {
        lines.close();
        if (!isGone(pid)) process.kill(pid, "SIGKILL");
      }
    });
  }
});
