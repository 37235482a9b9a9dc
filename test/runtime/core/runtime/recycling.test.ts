// Workers that are replaced: after so many calls, and for the memory they keep.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { silentLog } from "../../../../runtime/base/log/index.ts";
import { LeakCheck } from "../../../../runtime/core/memory/leak-check.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { isGone } from "../support.ts";
import { start } from "./support.ts";

suite("maxCalls", () => {
  test("a worker ends after so many calls of the function, one after the other", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, work } = started;
    const pid = work.pid.options({ maxCalls: 2 });
    const pids: number[] = [];
    for (let call = 0; call < 5; call++) pids.push(await runtime.get(pid()));
    assert.ok(pids[0] === pids[1] && pids[2] === pids[3], String(pids));
    assert.equal(new Set(pids).size, 3);
    await eventually("those that were used up are gone", () => pids.slice(0, 4).every(isGone));
  });

  test("many at once, among other work on the same workers: none fails or loses an attempt", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const pid = work.pid.options({ maxCalls: 3, maxRetries: 0 });
    const square = work.square.options({ maxRetries: 0 });
    const pids = Array.from({ length: 20 }, () => pid());
    const squares = Array.from({ length: 200 }, (_, n) => square(n));
    const counts = new Map<number, number>();
    for (const each of await runtime.get(pids)) counts.set(each, (counts.get(each) ?? 0) + 1);
    assert.ok(
      [...counts.values()].every((calls) => calls <= 3),
      String([...counts.values()]),
    );
    assert.deepEqual(
      await runtime.get(squares),
      squares.map((_, n) => n * n),
    );
    assert.deepEqual((await runtime.resources())["num_cpus"], { total: 2, free: 2 });
  });
});

test("a worker that is not needed any more ends, also when what a task left behind blocks it", async () => {
  const clock = new FakeClock();
  await using started = await start({ warmWorkers: 0, idleWorkerMs: 300, clock });
  const { runtime, work } = started;
  const pid = await runtime.get(work.leaveSpin(started.file("a")));
  assert.deepEqual(await started.lines("a", 1), [String(pid)]);
  await eventually("it is gone", () => {
    clock.advance(300);
    return isGone(pid);
  });
});

suite("a worker that keeps too much memory", () => {
  test("is replaced when it has nothing to do", async () => {
    await using started = await start({ numCpus: 1, idleWorkerBytes: 200 * 2 ** 20 });
    const { runtime, work } = started;
    const leaky = await runtime.get(work.keep(300));
    await eventually("it is gone", async () => {
      await runtime.get(work.nothing());
      return isGone(leaky);
    });
    assert.notEqual(await runtime.get(work.pid()), leaky);
  });

  test("is looked at once a second, and only with a limit (invariant 1)", () => {
    let nowMs = 0;
    let looks = 0;
    const reader = { processBytes: () => (looks++, 100) };
    const checkOf = (limitBytes: number): LeakCheck =>
      new LeakCheck({ clock: { nowMs: () => nowMs }, reader, limitBytes, log: silentLog });
    const [worker, other] = [{ pid: 1 }, { pid: 2 }];
    const check = checkOf(99);
    assert.deepEqual(
      [check.isLeaky(worker), check.isLeaky(worker), check.isLeaky(other)],
      [true, false, true],
    );
    nowMs = 1_000;
    assert.equal(check.isLeaky(worker), true);
    assert.equal(looks, 3);
    assert.equal(checkOf(100).isLeaky(worker), false);
    assert.equal(checkOf(0).isLeaky(worker), false);
    assert.equal(looks, 4);
  });
});
