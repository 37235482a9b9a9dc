// Tasks on real worker processes: results, errors, retries, deadlines, cancellation, nesting, streams.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { isRunning } from "../../../../runtime/core/index.ts";
import { childPids, isGone } from "../support.ts";
import { failing, start } from "./support.ts";

suite("results", () => {
  test("values come back as they are, references are given as values", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const nine = work.square(3);
    assert.equal(await runtime.get(nine), 9);
    assert.equal(await runtime.get(nine), 9, "an object can be read again");
    assert.deepEqual(await runtime.get([work.sum(nine, 1, nine), work.nothing()]), [19, undefined]);
    const value = {
      map: new Map([[1, new Set(["a"])]]),
      when: new Date(5),
      big: 5n,
      floats: new Float64Array([1, NaN]),
    };
    assert.deepEqual(await runtime.get(work.echo(value)), value);
  });

  test("several returns are several references", async () => {
    await using started = await start();
    const [one, text] = started.work.pair.options({ numReturns: 2 })();
    assert.deepEqual(await started.runtime.get([text, one]), ["b", 1]);
    const wrong = started.work.square.options({ numReturns: 2 })(2) as unknown as [never, never];
    await assert.rejects(started.runtime.get(wrong[1]), failing("CALL_FAILED", /wanted an array of 2/));
  });

  test("large arguments and results go by shared memory", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const bytes = await runtime.get(work.bytes(3_000_000));
    assert.deepEqual([bytes.byteLength, bytes[2_999_999]], [3_000_000, 7]);
    assert.equal(await runtime.get(work.byteLength(bytes)), 3_000_000);
    assert.equal(await runtime.get(work.byteLength(work.bytes(200_000))), 200_000);
  });

  test("100,000 tasks can wait at once", async () => {
    await using started = await start();
    const references = Array.from({ length: 100_000 }, (_, n) => started.work.same(n));
    const values = await started.runtime.get(references);
    assert.equal(
      values.reduce((total, n) => total + n, 0),
      4_999_950_000,
    );
  });

  test("one task with 10,000 arguments, and one object with 10,000 references", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const references = Array.from({ length: 10_000 }, (_, n) => work.same(n));
    assert.equal(await runtime.get(work.count(...references)), 10_000);
    assert.equal(await runtime.get(work.sumOf(references)), 49_995_000);
  });
});

test("after the shutdown nothing runs any more, and nothing hangs", async () => {
  await using started = await start();
  const { runtime, work, actors } = started;
  const counter = await actors.Counter.create(1);
  const made = work.bytes(200_000);
  await runtime.get(made);
  const over = { code: "CANCELLED", message: /the runtime was shut down/ };
  const before = childPids();
  const shutdown = runtime.shutdown();
  const meanwhile = assert.rejects(runtime.get(work.untilCancelled(started.file("a"))), over);
  await shutdown;
  await meanwhile;
  await assert.rejects(runtime.get(work.square(2)), over);
  await assert.rejects(actors.Counter.create(1), over);
  await assert.rejects(runtime.get(counter.add(1)), { code: "ACTOR_DIED" });
  await assert.rejects(runtime.put(new Uint8Array(200_000)), over);
  await assert.rejects(runtime.get(made), { code: "OBJECT_LOST" });
  assert.deepEqual(
    before.filter((pid) => !isGone(pid)),
    [],
  );
  assert.deepEqual(childPids(), []);
});

suite("errors", () => {
  test("what a task throws arrives with its stack, cause, task and worker", async () => {
    await using started = await start();
    const error: unknown = await started.runtime.get(started.work.fail()).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Error && "code" in error && "remoteStack" in error);
    assert.equal(error.code, "CALL_FAILED");
    assert.match(error.message, /^task "fail" on worker \d+ \(pid \d+\) threw RangeError: too much$/);
    assert.match(String(error.remoteStack), /at fail .*work\.ts[\s\S]*cause[\s\S]*the reason/);
  });

  test("a thrown value that is no Error, or says nothing of itself, is told too", async () => {
    await using started = await start();
    const { runtime, work } = started;
    await assert.rejects(runtime.get(work.failWith("plain words")), failing("CALL_FAILED", /plain words/));
    await assert.rejects(runtime.get(work.failWith(undefined)), failing("CALL_FAILED", /undefined/));
    await assert.rejects(runtime.get(work.failWith({ reason: 7 })), failing("CALL_FAILED", /reason: 7/));
  });

  test("what says of itself what is no text is told, and ends nobody", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const pid = await runtime.get(work.pid());
    for (const [member, words] of [
      ["message", /threw Error: 10n$/],
      ["name", /threw 10n: too much$/],
      ["wire", /^7n$/],
    ] as const) {
      await assert.rejects(runtime.get(work.failOddly(member)), { message: words });
    }
    assert.equal(await runtime.get(work.pid()), pid);
  });

  test("an argument or a result that cannot be sent names its member", async () => {
    await using started = await start();
    const { runtime, work } = started;
    assert.throws(() => work.echo({ run: () => 1 }), failing("INVALID_ARGUMENT", /\[0\]\.run is a function/));
    await assert.rejects(runtime.get(work.notSendable()), failing("CALL_FAILED", /inner\.run is a function/));
    assert.equal(await runtime.get(work.square(2)), 4);
  });

  test("an argument that failed is the task's failure", async () => {
    await using started = await start();
    const sum = started.work.sum(started.work.fail(), 1);
    await assert.rejects(started.runtime.get(sum), failing("CALL_FAILED", /too much/));
  });

  test("an option there is not, a strategy there is not, no reference where one is wanted", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const refused = (pattern: RegExp): object => failing("INVALID_ARGUMENT", pattern);
    const misspelt: object = { nunCpus: 1 };
    assert.throws(() => work.square.options(misspelt), refused(/nunCpus of "square": .* numCpus/));
    assert.throws(() => actors.Counter.options(misspelt), refused(/an actor has no such option/));
    await assert.rejects(start(misspelt), refused(/nunCpus of "a runtime"/));
    const counter = await actors.Counter.create(0);
    assert.throws(() => counter.add.options(misspelt), refused(/nunCpus of "Counter.add"/));
    const nowhere = { schedulingStrategy: "SPRAED" } as object;
    assert.throws(() => work.square.options(nowhere), refused(/wanted one of DEFAULT, SPREAD/));
    const group = { bundles: [{ numCpus: 1 }], strategy: "PAKC" } as unknown as { bundles: [] };
    await assert.rejects(runtime.createPlacementGroup(group), refused(/wanted one of PACK/));
    for (const wanted of [5, [5], undefined]) {
      await assert.rejects(runtime.get(wanted as never), refused(/wanted/));
      await assert.rejects(runtime.wait(wanted as never), refused(/wanted/));
      await assert.rejects(runtime.cancel(wanted as never), refused(/wanted/));
    }
    await assert.rejects(
      runtime.put(new Map([["a", Symbol("x")]])),
      refused(/^Cannot put the value: .*is a symbol/),
    );
  });

  test("a missing function, a missing module, options that cannot work", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const missing = runtime.tasks<{ lost(): number }>(new URL("./fixtures/work.ts", import.meta.url));
    await assert.rejects(runtime.get(missing.lost()), failing("NOT_FOUND", /exports no function/));
    const nowhere = runtime.tasks<{ lost(): number }>(new URL("./fixtures/nowhere.ts", import.meta.url));
    await assert.rejects(runtime.get(nowhere.lost()), failing("CALL_FAILED", /nowhere/));
    assert.throws(
      () => work.square.options({ maxRetries: -2 }),
      failing("INVALID_ARGUMENT", /maxRetries of "square": found -2/),
    );
    assert.throws(() => work.square.options({ numCpus: -1 }), failing("INVALID_ARGUMENT", /numCpus/));
    assert.throws(
      () => work.square.options({ resources: { num_cpus: 1 } }),
      failing("INVALID_ARGUMENT", /wanted numCpus/),
    );
    const huge = work.square.options({ numCpus: 99 })(1);
    await assert.rejects(runtime.get(huge), failing("RESOURCES_UNAVAILABLE", /needs 99 num_cpus/));
  });

  test("what is no module, no reference, no actor, no kind of row, no wait is refused", async () => {
    await using started = await start();
    const { runtime, work } = started;
    // As JavaScript would call it.
    const untyped = runtime as unknown as Record<string, (...args: unknown[]) => unknown>;
    const calls: readonly (readonly [string, readonly unknown[], RegExp])[] = [
      ["tasks", ["./work.ts"], /found "\.\/work\.ts", wanted a URL/],
      ["actors", [undefined], /found undefined, wanted a URL/],
      ["get", [5], /wanted an ObjectRef/],
      ["get", [work.square(1), { timeout: 5 }], /timeout of "get"/],
      ["get", [work.square(1), { timeoutMs: Number.NaN }], /timeoutMs of "get": found NaN/],
      ["wait", [[work.square(1)], { numReturns: 0 }], /numReturns of "wait": found 0/],
      ["wait", [[work.square(1)], { numReturns: 1.5 }], /numReturns of "wait": found 1.5/],
      ["kill", [undefined], /found undefined, wanted the handle of an actor/],
      ["stop", [5], /found number, wanted the handle of an actor/],
      ["watchActor", [5, {}], /found number, wanted the handle of an actor/],
      ["actor", [5], /name of "an actor": found 5/],
      ["createPlacementGroup", [undefined], /found undefined, wanted an object/],
      ["addNode", ["", {}], /id of "a node": found "", wanted a text/],
      ["list", ["things"], /found "things", wanted one of tasks, actors/],
      ["summary", ["nodes"], /found "nodes", wanted one of tasks, actors, objects/],
      ["graph", [undefined], /found undefined, wanted a function/],
      ["graph", [async (): Promise<number> => 1], /found a promise, wanted what bind\(\) gave/],
    ];
    for (const [name, args, words] of calls) {
      const call = async (): Promise<unknown> => await untyped[name]?.(...args);
      await assert.rejects(call, failing("INVALID_ARGUMENT", words), name);
    }
  });

  test("what nothing can hold is told each time, one by one and many at once", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const large = work.square.options({ numGpus: 9 });
    for (let n = 0; n < 3; n++) {
      for (const reference of [large(n), large(n), large(n)]) {
        await assert.rejects(
          runtime.get(reference, { timeoutMs: 30_000 }),
          failing("RESOURCES_UNAVAILABLE", /needs 9 num_gpus/),
        );
      }
    }
  });
});

suite("retries", () => {
  test("a task whose worker is killed is tried again, as often as it may", async () => {
    await using started = await start();
    const { runtime, work } = started;
    assert.equal(await runtime.get(work.crashUntil.options({ maxRetries: 2 })(started.file("a"), 3)), 3);
    const once = work.crashUntil.options({ maxRetries: 1, name: "unlucky" })(started.file("b"), 3);
    await assert.rejects(
      runtime.get(once),
      failing("WORKER_DIED", /Task "unlucky" lost worker \d+ .*SIGKILL/),
    );
    assert.equal((await started.lines("b")).length, 2);
  });

  test("errors are retried when asked: all, or by their names", async () => {
    await using started = await start();
    const { runtime, work } = started;
    await assert.rejects(runtime.get(work.throwUntil(2)), failing("CALL_FAILED", /attempt 1/));
    assert.equal(await runtime.get(work.throwUntil.options({ retryExceptions: true })(3)), 3);
    assert.equal(await runtime.get(work.throwUntil.options({ retryExceptions: ["RangeError"] })(2)), 2);
    const other = work.throwUntil.options({ retryExceptions: ["TypeError"] })(2);
    await assert.rejects(runtime.get(other), failing("CALL_FAILED", /attempt 1/));
  });

  test("tasks sent ahead to a worker that dies lose no attempt", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, work } = started;
    await runtime.get(Array.from({ length: 2_000 }, (_, n) => work.square(n)));
    const crash = work.crashUntil.options({ maxRetries: 1 })(started.file("a"), 2);
    const rest = Array.from({ length: 50 }, (_, n) => work.square.options({ maxRetries: 0 })(n));
    assert.equal(await runtime.get(crash), 2);
    assert.equal((await runtime.get(rest)).length, 50);
  });
});

suite("deadlines and cancellation", () => {
  test("a deadline fails a task that waits and one that runs, and frees its worker", async () => {
    const clock = new FakeClock();
    await using started = await start({ numCpus: 1, clock });
    const { runtime, work } = started;
    const running = work.untilCancelled.options({ timeoutMs: 800 })(started.file("a"));
    await started.lines("a", 1);
    const waiting = work.square.options({ timeoutMs: 100 })(2);
    clock.advance(100);
    await assert.rejects(runtime.get(waiting), failing("DEADLINE_EXCEEDED", /within 100 ms/));
    clock.advance(700);
    await assert.rejects(
      runtime.get(running),
      failing("DEADLINE_EXCEEDED", /"untilCancelled" has no result within 800 ms/),
    );
    assert.equal(await runtime.get(work.square(3)), 9);
    assert.equal((await started.lines("a", 2))[1], "cancelled", "its signal aborted");
  });

  test("a worker that does not answer is killed after the deadline, blocked or stopped", async () => {
    const clock = new FakeClock();
    await using started = await start({ numCpus: 1, clock });
    const { runtime, work } = started;
    const grace = (): void => clock.advance(1_000);
    const blocked = work.spin.options({ timeoutMs: 200 })(started.file("a"));
    await started.lines("a", 1);
    clock.advance(200);
    await assert.rejects(runtime.get(blocked), failing("DEADLINE_EXCEEDED", /spin/));
    grace();
    await runtime.get(work.square(1)); // a worker has taken the place of the one that was killed
    const stopped = work.untilCancelled.options({ timeoutMs: 200 })(started.file("b"));
    const [pid = ""] = await started.lines("b", 1);
    process.kill(Number(pid), "SIGSTOP");
    clock.advance(200);
    await assert.rejects(runtime.get(stopped), failing("DEADLINE_EXCEEDED", /untilCancelled/));
    grace();
    assert.equal(await runtime.get(work.square(4)), 16, "the CPU is back");
    await eventually("the stopped worker is gone", () => !isRunning(Number(pid)));
  });

  test("cancel: a queued task, a running one, one by force, children too", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, work } = started;
    const running = work.untilCancelled(started.file("a"));
    const queued = work.square(2);
    await started.lines("a", 1);
    await runtime.cancel(queued);
    await assert.rejects(runtime.get(queued), failing("CANCELLED", /"square" was cancelled/));
    await runtime.cancel(running);
    await assert.rejects(runtime.get(running), failing("CANCELLED", /untilCancelled/));
    await started.lines("a", 2);
    const spinning = work.spin(started.file("b"));
    const [pid = ""] = await started.lines("b", 1);
    await runtime.cancel(spinning, { force: true });
    await assert.rejects(runtime.get(spinning), failing("CANCELLED", /spin/));
    await eventually("its worker is gone", () => !isRunning(Number(pid)));
    const parent = work.parentOf(started.file("c"));
    await started.lines("c", 1);
    await runtime.cancel(parent);
    assert.equal((await started.lines("c", 2))[1], "cancelled", "the child was cancelled");
    await runtime.cancel(work.square(1));
    assert.equal(await runtime.get(work.square(5)), 25);
  });

  test("get and wait give up, the task goes on", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const slow = work.waitFor(started.file("go"));
    const quick = work.square(2);
    await runtime.get(quick);
    await assert.rejects(
      runtime.get([quick, slow], { timeoutMs: 20 }),
      failing("DEADLINE_EXCEEDED", /1 are ready after 20 ms/),
    );
    await assert.rejects(
      runtime.get(slow, { signal: AbortSignal.abort() }),
      failing("CANCELLED", /Cannot wait/),
    );
    const waited = await runtime.wait<unknown>([slow, quick], { numReturns: 2, timeoutMs: 20 });
    assert.deepEqual(waited.ready.map(String), [String(quick)]);
    assert.deepEqual(waited.pending.map(String), [String(slow)]);
    const { writeFile } = await import("node:fs/promises");
    await writeFile(started.file("go"), "");
    assert.equal(await runtime.get(slow), started.file("go"));
  });
});

suite("nested tasks", () => {
  test("a task that waits gives its CPU back: deep recursion on one CPU ends", async () => {
    await using started = await start({ numCpus: 1 });
    assert.equal(await started.runtime.get(started.work.fibonacci(7)), 13);
  });

  test("references inside values are good in tasks", async () => {
    await using started = await start();
    const { runtime, work } = started;
    assert.equal(await runtime.get(work.getInside({ inner: work.square(6) })), 36);
  });
});
