// When memory runs short a worker is killed by us, and the error says so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { oomRetryDelayMs } from "../../../../runtime/core/memory/memory-victim.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { failing, start } from "./support.ts";

test("above the threshold the worker of a task is killed; without a retry that is OUT_OF_MEMORY", async () => {
  await using started = await start({ memoryUsageThreshold: 0.0001, memoryMonitorRefreshMs: 20 });
  const { runtime, work } = started;
  const task = work.untilCancelled.options({ maxRetries: 0 })(started.file("a"));
  await assert.rejects(
    runtime.get(task),
    failing("OUT_OF_MEMORY", /"untilCancelled" lost worker \d+ .*memory/s),
  );
});

test("with a retry the task runs again", async () => {
  const clock = new FakeClock();
  await using started = await start({ clock, memoryUsageThreshold: 0.0001, memoryMonitorRefreshMs: 2_000 });
  const { runtime, work } = started;
  const task = work.untilCancelled(started.file("a"));
  await started.lines("a", 1);
  clock.advance(2_000); // the monitor looks
  await eventually("its worker is lost", async () => {
    const { rows } = await runtime.list("tasks", { filters: ["state=FAILED"] });
    return rows.length === 1;
  });
  clock.advance(oomRetryDelayMs(1)); // and it does not look again
  const pids = await started.lines("a", 2);
  assert.equal(new Set(pids).size, 2, "in another process");
  await runtime.cancel(task);
  await assert.rejects(runtime.get(task), failing("CANCELLED", /./));
});
