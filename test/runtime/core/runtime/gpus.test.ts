// GPUs as resources: which of them a task or an actor has, and how it hears of that. No test here needs one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "./support.ts";

test("each has devices of its own, by its context and by the variable that CUDA reads; others see what they saw", async () => {
  await using started = await start({ numCpus: 2, numGpus: 3, warmWorkers: 0 });
  const { runtime, work, actors } = started;
  const actor = await actors.Counter.options({ numGpus: 1 }).create(0);
  assert.deepEqual(await runtime.get(actor.gpus()), [[0], "0"]);
  const shared = work.gpus.options({ maxCalls: 0 });
  const half = await runtime.get(shared.options({ numGpus: 0.5 })());
  assert.deepEqual([half.ids, half.cuda], [[1], "1"]);
  const { pid } = half;
  assert.deepEqual(await runtime.get(shared.options({ numGpus: 2 })()), { ids: [1, 2], cuda: "1,2", pid });
  const cuda = process.env["CUDA_VISIBLE_DEVICES"] ?? "unset";
  assert.deepEqual(await runtime.get(work.gpus()), { ids: [], cuda, pid });
});

test("numbers are places in what the process was given", async () => {
  await using started = await start({ numCpus: 1, numGpus: 3, warmWorkers: 0 });
  const { runtime, work } = started;
  const runtimeEnv = { envVars: { CUDA_VISIBLE_DEVICES: "5, GPU-a,7" } };
  const two = await runtime.get(work.gpus.options({ runtimeEnv, numGpus: 2, maxCalls: 0 })());
  assert.deepEqual([two.ids, two.cuda], [[0, 1], "5,GPU-a"]);
  const none = await runtime.get(work.gpus.options({ runtimeEnv })());
  assert.deepEqual(none, { ids: [], cuda: "5, GPU-a,7", pid: two.pid });
});

test("a task with GPUs has a process to itself, which gives their memory back, unless told otherwise", async () => {
  await using started = await start({ numCpus: 1, numGpus: 1, warmWorkers: 0 });
  const { runtime, work } = started;
  const pids = async (options: object): Promise<number> => {
    const pid = work.pid.options({ numGpus: 1, ...options });
    return new Set([await runtime.get(pid()), await runtime.get(pid())]).size;
  };
  assert.deepEqual([await pids({}), await pids({ maxCalls: 0 })], [2, 1]);
});
