// An actor that has the runtime as the driver has it, and what is left when its process is killed.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  type ActorHandle,
  type ActorStatus,
  isRunning,
  type RuntimeOptions,
} from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, type Started, start } from "./support.ts";
import { NAMESPACE } from "./fixtures/makers.ts";

type Makers = typeof import("./fixtures/makers.ts");

interface WithMaker extends Started {
  readonly maker: ActorHandle<Makers["Maker"]>;
  /** Kills the maker; resolves when its next process can be called. */
  readonly killMaker: () => Promise<void>;
}

async function startMaker(options: RuntimeOptions = {}): Promise<WithMaker> {
  const started = await start({ numCpus: 4, ...options });
  const { runtime } = started;
  const { Maker } = runtime.actors<Makers>(new URL("./fixtures/makers.ts", import.meta.url));
  const file = started.file("makers");
  const maker = await Maker.options({ name: "maker", lifetime: "detached", maxRestarts: -1 }).create(file);
  let processes = 1;
  return {
    ...started,
    maker,
    async killMaker() {
      process.kill(await runtime.get(maker.pid()), "SIGKILL");
      // Made again with the same arguments.
      const lines = await started.lines("makers", ++processes);
      assert.equal(new Set(lines).size, processes);
      await eventually("the maker is back", async () => {
        const { rows } = await runtime.list("actors", { filters: ["name=maker"] });
        return rows[0]?.state === "ALIVE" && rows[0].numRestarts === processes - 1;
      });
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

async function statusesOf({ runtime, maker }: WithMaker): Promise<readonly ActorStatus[]> {
  return (await runtime.get(maker.told())).statuses;
}

/** After the death of its maker. */
const KEPT = { lifetime: "detached" } as const;

suite("an actor as the maker of actors", () => {
  test("is told of each state in order, with process and node, and of each line before it", async () => {
    await using started = await startMaker();
    const { runtime, maker } = started;
    const one = { numCpus: 1, maxPerNode: { group: "g", most: 1 } };
    const first = await runtime.get(maker.create("a", { ...one, maxRestarts: 1 }));
    const child = await runtime.actor<Makers["Child"]>("a", NAMESPACE);
    await runtime.get(child.print("a word"));
    await assert.rejects(runtime.get(child.crash("last words")), failing("ACTOR_UNAVAILABLE", /restarted/));
    const second = await runtime.get(child.pid.options({ maxTaskRetries: -1 })());
    const creation = maker.create("b", one);
    await eventually("b waits", async () => (await statusesOf(started)).length > 5);
    await runtime.get(maker.end("a"));
    const other = await runtime.get(creation);
    const { statuses, lines } = await runtime.get(maker.told());
    const seen = statuses.map(({ state, incarnation, pid, nodeId }) => [state, incarnation, pid, nodeId]);
    assert.deepEqual(seen, [
      ["CREATING", 1, first, "node-1"],
      ["ALIVE", 1, first, "node-1"],
      ["RESTARTING", 2, undefined, undefined],
      ["CREATING", 2, second, "node-1"],
      ["ALIVE", 2, second, "node-1"],
      ["PENDING_CREATION", 1, undefined, undefined],
      ["STOPPING", 2, second, "node-1"],
      ["CREATING", 1, other, "node-1"],
      ["DEAD", 2, undefined, undefined],
      ["ALIVE", 1, other, "node-1"],
    ]);
    assert.match(statuses[5]?.reason ?? "", /^waits: /);
    assert.deepEqual(
      lines.map(({ text, stream, pid }) => [text, stream, pid]),
      [
        ["a word", "stdout", first],
        ["last words", "stderr", first],
      ],
    );
  });

  test("has signals, time limits, nodes, lists and stacks as the driver has them", async () => {
    await using started = await startMaker();
    const { runtime, maker } = started;
    await assert.rejects(runtime.get(maker.createAborted({ numCpus: 1 })), failing("ACTOR_DIED", /killed/));
    const [creating, dead] = await statusesOf(started);
    assert.deepEqual([creating?.state, dead?.state], ["CREATING", "DEAD"]);
    assert.equal(isRunning(creating?.pid ?? 0), false);
    await assert.rejects(
      runtime.get(maker.createAborted({ resources: { none: 1 } })),
      failing("RESOURCES_UNAVAILABLE", /none/),
    );
    await assert.rejects(
      runtime.get(maker.create("slow", { startTimeoutMs: 1 })),
      failing("DEADLINE_EXCEEDED", /not ready after 1 ms/),
    );
    const pid = await runtime.get(maker.pid());
    const looked = await runtime.get(maker.look());
    assert.ok(looked.pids.includes(pid));
    assert.deepEqual(
      { ...looked, pids: [] },
      { draining: ["node-2"], total: 5, pids: [], totalActors: 1, nodes: 1 },
    );
  });

  test("ends one by its name before it can be called", async () => {
    await using started = await startMaker();
    const { runtime, maker } = started;
    await runtime.get(maker.begin("loading", { numCpus: 1 }));
    await eventually("it loads", async () => (await runtime.resources())["num_cpus"]?.free === 3);
    await runtime.get(maker.kill("loading"));
    await eventually("its CPU is back", async () => (await runtime.resources())["num_cpus"]?.free === 4);
    await assert.rejects(
      runtime.get(maker.kill("loading")),
      failing("NOT_FOUND", /"loading": there is none in namespace "made"/),
    );
    await assert.rejects(runtime.stop({ name: "loading" }), failing("NOT_FOUND", /namespace "default"/));
  });
});

test("output for an actor that does not read is dropped and counted, and holds up nobody", async () => {
  let shown = 0;
  await using started = await startMaker({
    logToDriver: true,
    dedupLogs: false,
    onWorkerLine: () => void shown++,
  });
  const { runtime, maker } = started;
  await runtime.get(maker.create("a"));
  const child = await runtime.actor<Makers["Child"]>("a", NAMESPACE);
  const pid = await runtime.get(maker.pid());
  process.kill(pid, "SIGSTOP");
  await runtime.get(child.flood(500, 10_000)); // 5 MB
  await eventually("the driver has them all", () => shown === 500);
  process.kill(pid, "SIGCONT");
  let told: readonly string[] = [];
  let [dropped, printed] = [0, 500];
  await eventually("it is told how much", async () => {
    await runtime.get(child.print("go on"));
    printed++;
    const { lines } = await runtime.get(maker.told());
    told = lines.flatMap(({ text }) => /^\d+(?=\.)/.exec(text) ?? []);
    const counts = lines.map(({ text }) => Number(/^(\d+) lines not shown/.exec(text)?.[1] ?? 0));
    dropped = counts.reduce((sum, count) => sum + count, 0);
    return told.length + dropped >= 500;
  });
  assert.ok(
    dropped > 0 && told.length > 0 && told.length + dropped <= printed,
    `${told.length} + ${dropped}`,
  );
  assert.deepEqual(
    told,
    told.toSorted((a, b) => Number(a) - Number(b)),
  );
});

suite("when the maker is killed", () => {
  test("what is detached runs on, is found again, watched and ended", async () => {
    await using started = await startMaker();
    const { runtime, maker, killMaker } = started;
    await runtime.get(maker.makeGroup({ ...KEPT, name: "kept", bundles: [{ numCpus: 1 }] }));
    const pid = await runtime.get(maker.create("a", { ...KEPT, maxRestarts: 1, numCpus: 1, group: "kept" }));
    await runtime.get(maker.create("mine"));
    await runtime.get(maker.makeGroup({ name: "mine", bundles: [{ numCpus: 1 }] }));
    await killMaker();
    await eventually("what was its own is gone", async () => {
      const names = await runtime.get(maker.names());
      const groups = await runtime.list("placement-groups");
      return names.join() === "a ALIVE" && groups.rows.length === 1;
    });
    assert.equal(await runtime.get(maker.find("a")), pid);
    const child = await runtime.actor<Makers["Child"]>("a", NAMESPACE);
    await runtime.get(child.print("to the second maker"));
    await assert.rejects(runtime.get(child.crash("last words")), failing("ACTOR_UNAVAILABLE", /restarted/));
    const second = await runtime.get(child.pid.options({ maxTaskRetries: -1 })());
    const { statuses, lines } = await runtime.get(maker.told());
    assert.deepEqual(
      statuses.map((status) => [status.state, status.pid]),
      [
        ["ALIVE", pid],
        ["RESTARTING", undefined],
        ["CREATING", second],
        ["ALIVE", second],
      ],
    );
    assert.deepEqual(
      lines.map(({ text }) => text),
      ["to the second maker", "last words"],
    );
    await runtime.get(maker.unwatch());
    await runtime.get(maker.removeGroup("kept"));
    await eventually("all CPUs are back", async () => (await runtime.resources())["num_cpus"]?.free === 4);
    assert.equal(isRunning(second), false);
    assert.equal((await statusesOf(started)).length, 4);
    await assert.rejects(
      runtime.get(maker.removeGroup("kept")),
      failing("NOT_FOUND", /group "kept": there is none in namespace "made"/),
    );
  });

  test("its calls and streams are cancelled, and nothing of them is kept", async () => {
    await using started = await startMaker();
    const { runtime, maker, killMaker } = started;
    await runtime.get(maker.create("a", KEPT));
    await runtime.get(maker.follow("a", 3));
    const child = await runtime.actor<Makers["Child"]>("a", NAMESPACE);
    assert.equal(await runtime.get(child.open()), 2);
    assert.ok((await runtime.list("objects", { filters: ["state=SHARED_MEMORY"] })).total > 0);
    await killMaker();
    await eventually("they have ended", async () => (await runtime.get(child.open())) === 0);
    await eventually("no item is kept", async () => {
      const { matched } = await runtime.list("objects", { filters: ["state=SHARED_MEMORY"] });
      return matched === 0;
    });
    const { rows } = await runtime.list("tasks", { filters: ["state=RUNNING"] });
    assert.deepEqual(rows, []);
  });

  test("a creation that it waited for goes on only when it is detached", async () => {
    await using started = await startMaker();
    const { runtime, maker, killMaker } = started;
    await runtime.get(maker.begin("mine", { numCpus: 1 }));
    await runtime.get(maker.begin("mine, later", { numCpus: 4 }));
    await runtime.get(maker.begin("kept", { ...KEPT, numCpus: 1 }));
    await eventually("two load", async () => (await runtime.resources())["num_cpus"]?.free === 2);
    await killMaker();
    await eventually("one is left", async () => {
      const names = await runtime.get(maker.names());
      return names.join() === "kept PENDING_CREATION";
    });
    assert.equal((await runtime.resources())["num_cpus"]?.free, 3);
    await runtime.get(maker.kill("kept"));
    await eventually("none is left", async () => (await runtime.get(maker.names())).length === 0);
  });

  test("again and again, it finds what it made first, also in an environment", async () => {
    await using started = await startMaker({ runtimeEnv: { envVars: { OF_ALL: "1" } } });
    const { runtime, maker, killMaker } = started;
    const pid = await runtime.get(maker.create("a", KEPT));
    for (let round = 0; round < 3; round++) {
      await killMaker();
      assert.equal(await runtime.get(maker.create("a", { ...KEPT, getIfExists: true })), pid);
      const [status] = await statusesOf(started);
      assert.deepEqual([status?.state, status?.pid], ["ALIVE", pid]);
    }
  });
});

test("the shutdown of the driver ends detached actors of actors too", async () => {
  const started = await startMaker();
  const { runtime, maker } = started;
  const pids = [await runtime.get(maker.pid()), await runtime.get(maker.create("a", KEPT))];
  await started[Symbol.asyncDispose]();
  assert.deepEqual(pids.filter(isRunning), []);
});
