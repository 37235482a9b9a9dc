// How actors are ended in good order, watched, and bounded in their start; on real processes.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { type ActorStatus, isRunning, type WorkerLine } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

const DEAD = failing("ACTOR_DIED", /being stopped|is dead/);

suite("stop", () => {
  test("what runs is finished and `stop` called, later calls are refused", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const states: string[] = [];
    const onStatus = ({ state }: ActorStatus): void => void states.push(state);
    const actor = await actors.Graceful.options({ maxRestarts: -1, onStatus }).create(started.file("log"));
    const running = actor.untilStopped();
    await started.lines("log", 1);
    const stopped = runtime.stop(actor);
    await assert.rejects(runtime.get(actor.untilStopped()), DEAD);
    assert.equal(await runtime.get(running), "finished");
    await stopped;
    assert.deepEqual(await started.lines("log"), ["waits", "stop"]);
    await assert.rejects(runtime.get(actor.untilStopped()), DEAD);
    assert.deepEqual(states, ["CREATING", "ALIVE", "STOPPING", "DEAD"]);
    await runtime.stop(actor); // once more is no error
  });

  test("one that does not come to its end is killed after the grace, a later stop may shorten it", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const actor = await actors.Graceful.create(started.file("log"));
    const running = runtime.get(actor.ignoresStop());
    await started.lines("log", 1);
    const patient = runtime.stop(actor, { graceMs: 600_000 });
    await runtime.stop(actor, { graceMs: 1 });
    await patient;
    await assert.rejects(running, DEAD);
  });

  test("an actor may end itself: the call that does it is answered", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const actor = await actors.Graceful.options({ maxRestarts: -1 }).create(started.file("log"));
    assert.equal(await runtime.get(actor.leave()), "last words");
    await eventually("it is dead", async () => {
      const { rows } = await runtime.list("actors");
      return rows[0]?.state === "DEAD";
    });
    assert.deepEqual(await started.lines("log"), ["stop"]);
    await assert.rejects(runtime.exitActor(), failing("UNSUPPORTED", /no actor/));
  });

  test("one that is being stopped is not started again by a kill that would allow it", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const actor = await actors.Graceful.options({ maxRestarts: -1 }).create(started.file("log"));
    const running = actor.ignoresStop();
    await started.lines("log", 1);
    const stopped = runtime.stop(actor);
    await runtime.kill(actor, { noRestart: false });
    await assert.rejects(runtime.get(running), failing("ACTOR_DIED", /killed/));
    await stopped;
  });

  test("what is no handle is refused", async () => {
    await using started = await start();
    await assert.rejects(
      started.runtime.stop({}),
      failing("INVALID_ARGUMENT", /wanted the handle of an actor/),
    );
  });
});

suite("creation", () => {
  test("one that takes too long is killed and told", async () => {
    await using started = await start();
    const { actors } = started;
    const statuses: ActorStatus[] = [];
    const creation = actors.Stuck.options({
      startTimeoutMs: 50,
      maxRestarts: 1,
      onStatus: (status) => statuses.push(status),
    }).create();
    await assert.rejects(creation, failing("DEADLINE_EXCEEDED", /not ready after 50 ms/));
    const states = statuses.map(({ state, incarnation }) => `${incarnation} ${state}`);
    assert.deepEqual(states, ["1 CREATING", "2 RESTARTING", "2 CREATING", "2 DEAD"]);
    assert.throws(
      () => actors.Stuck.options({ startTimeoutMs: 0 }),
      failing("INVALID_ARGUMENT", /startTimeoutMs/),
    );
  });

  test("one that is killed stays dead, also when it was failing by itself at that moment", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const file = started.file("log");
    const go = started.file("go");
    const creation = actors.Late.options({ name: "late", maxRestarts: -1 }).create(file, go);
    const ended = assert.rejects(creation, failing("ACTOR_DIED", /killed/));
    await started.lines("log", 1);
    // Nothing is heard of it until it is killed: its failure, which begins only now, is waiting then.
    writeFileSync(go, "");
    const failed = (): boolean => readFileSync(file, "utf8") === "begun\nfails\n";
    for (const untilMs = performance.now() + 20_000; performance.now() < untilMs && !failed(); );
    for (const untilMs = performance.now() + 200; performance.now() < untilMs; );
    await runtime.kill({ name: "late" });
    await ended;
    assert.deepEqual(await started.lines("log"), ["begun", "fails"]);
  });

  test("a signal ends it, waiting for resources or loading", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [loading, waiting] = [new AbortController(), new AbortController()];
    const pids: number[] = [];
    const begun = Promise.withResolvers<void>();
    const stuck = actors.Stuck.options({
      numCpus: 2,
      signal: loading.signal,
      onStatus: ({ state, pid }) => {
        if (pid !== undefined) pids.push(pid);
        if (state === "CREATING") begun.resolve();
      },
    }).create();
    await begun.promise;
    const reasons: string[] = [];
    const queued = actors.Graceful.options({
      numCpus: 1,
      signal: waiting.signal,
      onStatus: ({ state, reason }) => reasons.push(`${state}: ${reason}`),
    }).create(started.file("log"));
    waiting.abort();
    await assert.rejects(queued, failing("ACTOR_DIED", /killed/));
    assert.match(reasons[0] ?? "", /PENDING_CREATION: needs 1 num_cpus, 0 free of 2/);
    loading.abort();
    await assert.rejects(stuck, failing("ACTOR_DIED", /killed/));
    assert.deepEqual(pids.filter(isRunning), []);
    assert.deepEqual((await runtime.resources())["num_cpus"], { total: 2, free: 2 });
    const aborted = actors.Graceful.options({ signal: waiting.signal }).create(started.file("log"));
    await assert.rejects(aborted, { name: "AbortError" });
  });
});

test("an actor that is there can be watched: its present state comes first, and nothing after the end", async () => {
  await using started = await start();
  const { runtime, actors } = started;
  const actor = await actors.Graceful.create(started.file("log"));
  const [states, ended, lines]: [string[], string[], string[]] = [[], [], []];
  const watch = runtime.watchActor(actor, {
    onStatus: ({ state, pid }) => states.push(`${state} ${pid === undefined ? "" : isRunning(pid)}`),
    onLine: ({ text }) => lines.push(text),
  });
  assert.equal(states.length, 0);
  runtime.watchActor(actor, { onStatus: ({ state }) => ended.push(state) })[Symbol.dispose]();
  await runtime.get(actor.print("a word"));
  await eventually("the line", () => lines.length === 1);
  await runtime.stop(actor);
  watch[Symbol.dispose]();
  assert.deepEqual(states, ["ALIVE true", "STOPPING true", "DEAD "]);
  assert.equal(ended.length, 0);
  runtime.watchActor(actor, { onStatus: ({ state, reason }) => ended.push(`${state} ${reason}`) });
  await eventually("it is told that it is dead", () => ended.length > 0);
  assert.match(ended[0] ?? "", /^DEAD .* is dead: /);
  assert.throws(
    () => runtime.watchActor({}, {}),
    failing("INVALID_ARGUMENT", /wanted the handle of an actor/),
  );
});

test("what a watcher throws is an uncaught error, and stops nothing of the runtime", async () => {
  await using started = await start({
    logToDriver: true,
    dedupLogs: false,
    onWorkerLine: () => {
      throw new Error("of a line");
    },
  });
  const { runtime, actors } = started;
  const thrown = uncaught();
  const fails = (): never => {
    throw new Error("of a watcher");
  };
  const options = { numCpus: 1, onStatus: fails, onLine: fails };
  const actor = await actors.Graceful.options(options).create(started.file("log"));
  using _watch = runtime.watchActor(actor, { onStatus: fails });
  await runtime.get(actor.print("a word"));
  await runtime.kill(actor);
  await eventually("its CPU is free", async () => (await runtime.resources())["num_cpus"]?.free === 2);
  const told = await thrown.end();
  for (const what of ["of a watcher", "of a line"]) assert.ok(told.includes(what), what);
});

/** What nobody caught until `end`, instead of the test runner. */
function uncaught(): { readonly end: () => Promise<string[]> } {
  const told: string[] = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => told.push(error.message));
  return {
    async end() {
      await new Promise((resolve) => setImmediate(resolve));
      process.removeAllListeners("uncaughtException");
      for (const listener of before) process.on("uncaughtException", listener);
      return told;
    },
  };
}

test("lines of workers can be taken by the driver", async () => {
  const lines: WorkerLine[] = [];
  await using started = await start({
    logToDriver: true,
    dedupLogs: false,
    onWorkerLine: (line) => lines.push(line),
  });
  const { runtime, actors } = started;
  const actor = await actors.Graceful.options({ name: "speaker" }).create(started.file("log"));
  await runtime.get(actor.print("a word"));
  await eventually("the line", () => lines.length > 0);
  const [line] = lines;
  assert.equal(line?.text, "a word");
  assert.equal(line?.stream, "stdout");
  assert.match(line?.name ?? "", /^speaker/);
});
