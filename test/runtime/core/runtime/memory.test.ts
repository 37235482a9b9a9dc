// When memory runs short a worker is killed by us, and the error says so.

import assert from "node:assert/strict";
import { test } from "node:test";
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

// The monitor looks first after its interval, by when the task has begun.
test("with a retry the task runs again", async () => {
  await using started = await start({ memoryUsageThreshold: 0.0001, memoryMonitorRefreshMs: 1_000 });
  const { runtime, work } = started;
  const task = work.untilCancelled(started.file("a"));
  const pids = await started.lines("a", 2);
  assert.equal(new Set(pids).size, 2, "in another process");
  await runtime.cancel(task);
  await assert.rejects(runtime.get(task), failing("CANCELLED", /./));
});
