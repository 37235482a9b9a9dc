// What a runtime tells about itself.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { failing, start } from "./support.ts";

test("tasks, actors, objects, workers, nodes and groups are listed as they are", async () => {
  await using started = await start({ labels: { zone: "a" } });
  const { runtime, work, actors } = started;
  await runtime.get([work.square(1), work.square(2)]);
  await runtime.get(work.fail()).catch(() => undefined);
  const counter = await actors.Counter.options({ name: "c" }).create(0);
  await runtime.get(counter.add(1));
  const running = work.untilCancelled(started.file("a"));
  await started.lines("a", 1);
  const object = await runtime.put(new Uint8Array(200_000));
  const group = await runtime.createPlacementGroup({ bundles: [{ numCpus: 1 }], name: "g" });

  const tasks = await runtime.list("tasks");
  const seen = tasks.rows.map(({ name, state, type }) => `${name} ${state} ${type}`);
  assert.deepEqual(seen, [
    "square FINISHED NORMAL_TASK",
    "square FINISHED NORMAL_TASK",
    "fail FAILED NORMAL_TASK",
    "c.add FINISHED ACTOR_TASK",
    "untilCancelled RUNNING NORMAL_TASK",
  ]);
  const { rows } = await runtime.list("tasks", { filters: ["state=FAILED"] });
  assert.deepEqual([rows.length, rows[0]?.errorType], [1, "CALL_FAILED"]);
  assert.match((await runtime.list("tasks", { limit: 2 })).note ?? "", /2 of 5/);
  await assert.rejects(
    runtime.list("tasks", { filters: ["what"] }),
    failing("INVALID_ARGUMENT", /Cannot filter by "what"/),
  );

  const [actor] = (await runtime.list("actors")).rows;
  assert.deepEqual([actor?.name, actor?.state, actor?.className], ["c", "ALIVE", "Counter"]);
  const objects = await runtime.list("objects", { filters: [`object_id=${object.id}`] });
  assert.deepEqual([objects.rows[0]?.state, objects.rows[0]?.references], ["SHARED_MEMORY", 1]);
  const workers = await runtime.list("workers");
  assert.ok(workers.rows.some(({ running: label, state }) => label === "untilCancelled" && state === "BUSY"));
  const [node] = (await runtime.list("nodes")).rows;
  assert.deepEqual([node?.labels, node?.resourcesTotal["num_cpus"]], [{ zone: "a" }, 2]);
  assert.deepEqual(node?.resourcesFree["num_cpus"], 0);
  const [placed] = (await runtime.list("placement-groups")).rows;
  assert.deepEqual([placed?.name, placed?.state, placed?.bundles.length], ["g", "CREATED", 1]);
  await group.remove();
  await runtime.cancel(running);
});

test("the summary counts, the timeline can be loaded", async () => {
  await using started = await start();
  const { runtime, work } = started;
  await runtime.get(Array.from({ length: 20 }, (_, n) => work.square(n)));
  const { groups, totalTasks } = await runtime.summary("tasks");
  assert.deepEqual(groups, [{ functionName: "square", type: "NORMAL_TASK", stateCounts: { FINISHED: 20 } }]);
  assert.equal(totalTasks, 20);
  await runtime.timeline(started.file("trace.json"));
  const { traceEvents } = JSON.parse(await readFile(started.file("trace.json"), "utf8")) as {
    readonly traceEvents: readonly { readonly name: string; readonly ph: string }[];
  };
  assert.equal(traceEvents.filter(({ name, ph }) => name === "square" && ph === "X").length, 20);
});

test("progress counts what is settled, failures too", async () => {
  await using started = await start();
  const { runtime, work } = started;
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) > 0 };
  const references = [work.square(1), work.fail(), work.square(2)];
  const progress = await runtime.progress(references, { stream, label: "squares" });
  assert.deepEqual([progress.done, progress.failed, progress.total], [3, 1, 3]);
  assert.match(written[0] ?? "", /squares: 3 to do/);
  assert.equal(written.length, 2);
});
