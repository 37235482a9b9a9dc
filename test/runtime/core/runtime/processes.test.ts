// What user code and the system do to the process of an actor, and what its callers are told.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import type { ActorHandle, Runtime, WorkerLine } from "../../../../runtime/core/index.ts";
import { isGone } from "../support.ts";
import { failing, start } from "./support.ts";

type Fixture = typeof import("./fixtures/hostile.ts");
type Handle = ActorHandle<Fixture["Hostile"]>;

function hostile(runtime: Runtime): ReturnType<typeof runtime.actors<Fixture>>["Hostile"] {
  return runtime.actors<Fixture>(new URL("./fixtures/hostile.ts", import.meta.url)).Hostile;
}

suite("a process that ends by itself", () => {
  const ends: readonly (readonly [string, RegExp, (actor: Handle, runtime: Runtime) => Promise<unknown>])[] =
    [
      ["exit code 7", /exit code 7/, (actor, runtime) => runtime.get(actor.exit(7))],
      ["exit code 0", /exit code 0/, (actor, runtime) => runtime.get(actor.exit(0))],
      ["uncaught error", /exit code 1/, (actor, runtime) => runtime.get(actor.throwUncaught())],
      ["closed channel", /SIGKILL|exit code/, (actor, runtime) => runtime.get(actor.closeChannel())],
      [
        "SIGSEGV",
        /SIGSEGV/,
        async (actor, runtime) => {
          process.kill(await runtime.get(actor.pid()), "SIGSEGV");
          return await runtime.get(actor.never());
        },
      ],
    ];
  for (const [how, words, end] of ends) {
    test(`is told with its end: ${how}`, async () => {
      await using started = await start();
      const { runtime } = started;
      const actor = await hostile(runtime).options({ numCpus: 1 }).create();
      await assert.rejects(end(actor, runtime), failing("ACTOR_DIED", words));
      await assert.rejects(runtime.get(actor.pid()), failing("ACTOR_DIED", words));
      assert.deepEqual((await runtime.resources())["num_cpus"], { total: 2, free: 2 });
    });
  }

  test("is not waited for because of what it left behind", async () => {
    await using started = await start();
    const { runtime } = started;
    const actor = await hostile(runtime).create();
    const holder = await runtime.get(actor.spawnHolder());
    assert.ok(holder !== undefined);
    try {
      await assert.rejects(runtime.get(actor.exit(2)), failing("ACTOR_DIED", /exit code 2/));
      assert.ok(!isGone(holder));
    } finally {
      process.kill(holder, "SIGKILL");
    }
  });
});

suite("a process that should end", () => {
  test("does so when its `stop` throws and its calls do not end", async () => {
    await using started = await start();
    const { runtime } = started;
    const actor = await hostile(runtime).create();
    const call = assert.rejects(runtime.get(actor.never()), failing("ACTOR_DIED", /./));
    await runtime.stop(actor, { graceMs: 50 });
    await call;
  });

  for (const [how, hang] of [
    ["blocked", (actor: Handle): unknown => actor.block()],
    ["stopped by SIGSTOP", (_: Handle, pid: number): unknown => process.kill(pid, "SIGSTOP")],
  ] as const) {
    test(`does so when it is ${how}`, async () => {
      await using started = await start();
      const { runtime } = started;
      const actor = await hostile(runtime).create();
      const pid = await runtime.get(actor.pid());
      hang(actor, pid);
      await runtime.stop(actor, { graceMs: 50 });
      assert.ok(isGone(pid));
    });
  }
});

test("signals of a terminal or a supervisor to the whole group leave workers to the driver", async () => {
  await using started = await start();
  const { runtime } = started;
  const actor = await hostile(runtime).create();
  const pid = await runtime.get(actor.pid());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.kill(pid, signal);
    assert.equal(await runtime.get(actor.pid()), pid);
  }
});

test("one that comes before a worker can ignore it costs neither an actor nor an attempt", async () => {
  await using started = await start({ numCpus: 1, warmWorkers: 0 });
  const { runtime, work, actors } = started;
  const states: string[] = [];
  const counter = await actors.Counter.options({
    onStatus: ({ state, pid }) => {
      if (pid !== undefined && states.length === 0) process.kill(pid, "SIGINT");
      states.push(state);
    },
  }).create(3);
  assert.equal(await runtime.get(counter.add(1)), 4);
  assert.deepEqual(states, ["CREATING", "CREATING", "ALIVE"]);
  const pid = work.pid.options({ maxRetries: 0 })();
  const { rows } = await runtime.list("workers", { filters: ["state=BUSY"] });
  const [first] = rows;
  assert.ok(first !== undefined && first.pid > 0);
  process.kill(first.pid, "SIGTERM");
  assert.notEqual(await runtime.get(pid), first.pid);
});

test("a user without a name and a home has all that needs neither", async () => {
  const program = join(import.meta.dirname, "fixtures/nameless.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  const { square, told } = JSON.parse(stdout);
  assert.equal(square, 9);
  assert.match(told, /this user has no home, wanted environmentCacheFolder/);
});

test("a worker has none of the test runner's environment and flags", async () => {
  await using started = await start();
  const { runtime } = started;
  const actor = await hostile(runtime).create();
  const { execArgv, testContext } = await runtime.get(actor.environment());
  assert.equal(testContext, undefined);
  assert.deepEqual(
    execArgv.filter((flag) => flag.startsWith("--test")),
    [],
  );
});

test("what cannot even be looked at is thrown as an error all the same", async () => {
  await using started = await start();
  const actor = await hostile(started.runtime).create();
  await assert.rejects(started.runtime.get(actor.throwHostile()), failing("CALL_FAILED", /./));
});

test("a flood of output stops nobody, and what is not shown is counted", async () => {
  const lines: WorkerLine[] = [];
  await using started = await start({
    logToDriver: true,
    dedupLogs: false,
    onWorkerLine: (line) => lines.push(line),
  });
  const { runtime } = started;
  const actor = await hostile(runtime).create();
  await runtime.get(actor.flood(50_000));
  await runtime.stop(actor);
  assert.ok(lines.length < 50_000, `${lines.length} lines came through`);
  const counted = lines.flatMap(({ text }) => /^(\d+) lines not shown/.exec(text)?.[1] ?? []).map(Number);
  const shown = lines.filter(({ text }) => text.startsWith("line ")).length;
  // Its `stop` prints too.
  const all = counted.reduce((sum, count) => sum + count, shown);
  assert.ok(all >= 50_000 && all < 50_100, `${all} lines are accounted for`);
});

test("an error that nobody caught ends the worker, and is printed with the name of its task", async () => {
  const lines: WorkerLine[] = [];
  await using started = await start({ logToDriver: true, onWorkerLine: (line) => lines.push(line) });
  const { runtime, work } = started;
  await assert.rejects(
    runtime.get(work.failUncaught.options({ maxRetries: 0 })()),
    failing("WORKER_DIED", /"failUncaught" lost worker .*exit code 1/),
  );
  const told = lines.filter(({ text }) => text.includes("RangeError: nobody caught it"));
  assert.deepEqual(
    told.map(({ name, stream }) => [name, stream]),
    [["failUncaught", "stderr"]],
  );
});
