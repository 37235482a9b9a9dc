// Actors on real worker processes: state, names, order, groups, restarts, ends, handles.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { suite, test } from "node:test";
import { isRunning } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Counter } from "./fixtures/actors.ts";
import { failing, start } from "./support.ts";

suite("calls", () => {
  test("state is kept between calls, references are given as values, methods may stream", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const counter = await actors.Counter.create(work.square(3));
    assert.deepEqual(
      await runtime.get([counter.add(1), counter.add(work.square(2)), counter.add(0)]),
      [10, 14, 14],
    );
    const items: number[] = [];
    for await (const item of counter.upTo(3)) items.push(item);
    assert.deepEqual(items, [14, 15, 16]);
    await assert.rejects(
      runtime.get(counter.fail()),
      failing("CALL_FAILED", /Counter\.fail.* threw RangeError: not today/),
    );
    assert.equal(await runtime.get(counter.add(0)), 14);
  });

  test("calls begin in the order of their submission, also when an argument comes late", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const counter = await actors.Counter.create(0);
    const late = work.waitFor(started.file("go"));
    const first = counter.add(work.byteLength(late as never));
    const second = counter.add(1);
    const { writeFile } = await import("node:fs/promises");
    await assert.rejects(runtime.get(second, { timeoutMs: 50 }), failing("DEADLINE_EXCEEDED", /0 are ready/));
    await writeFile(started.file("go"), "");
    await runtime.get([first, second]);
  });

  test("groups have limits of their own", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const recorder = await actors.Recorder.options({
      maxConcurrency: 1,
      concurrencyGroups: { control: 2 },
      methodGroups: { release: "control", events: "control" },
    }).create();
    const held = [recorder.hold("a"), recorder.hold("b")];
    await eventually("a runs", async () => (await runtime.get(recorder.events())).includes("a begins"));
    assert.deepEqual(await runtime.get(recorder.events()), ["a begins"], "b waits for a");
    assert.equal(await runtime.get(recorder.release("a")), true);
    await eventually("b is released", () => runtime.get(recorder.release("b")));
    await runtime.get(held);
    assert.deepEqual(await runtime.get(recorder.events()), ["a begins", "a ends", "b begins", "b ends"]);
    assert.throws(
      () => actors.Recorder.options({ methodGroups: { hold: "io" } }),
      failing("INVALID_ARGUMENT", /methodGroups\.hold.*"io"/),
    );
  });

  test("a call beyond maxPendingCalls is refused at once", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const recorder = await actors.Recorder.options({ maxPendingCalls: 2 }).create();
    const held = recorder.hold("a");
    const events = recorder.events();
    const refused = recorder.events();
    await assert.rejects(runtime.get(refused), failing("QUEUE_FULL", /2 calls wait/));
    await runtime.get(events);
    await runtime.get(recorder.release("a"));
    await runtime.get(held);
  });

  test("a call that is tried again is none beyond maxPendingCalls", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const options = { maxPendingCalls: 1, maxRestarts: 1, maxTaskRetries: 1 };
    const counter = await actors.Counter.options(options).create(1);
    assert.equal(await runtime.get(counter.crashOnce()), 2);
  });

  test("a handle can be passed on and used there", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const counter = await actors.Counter.create(1);
    assert.equal(await runtime.get(work.addTo(counter, 4)), 5);
    assert.equal(await runtime.get(counter.add(0)), 5);
  });
});

suite("names", () => {
  test("a name finds its actor, once per namespace, until it is dead", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const counter = await actors.Counter.options({ name: "c" }).create(1);
    const same = await runtime.actor<typeof Counter>("c");
    assert.deepEqual(await runtime.get([same.add(1), counter.add(1)]), [2, 3]);
    await assert.rejects(
      actors.Counter.options({ name: "c" }).create(0),
      failing("INVALID_ARGUMENT", /the name is taken/),
    );
    const again = await actors.Counter.options({ name: "c", getIfExists: true }).create(0);
    assert.equal(await runtime.get(again.add(0)), 3);
    const other = await actors.Counter.options({ name: "c", namespace: "n" }).create(7);
    assert.equal(await runtime.get(other.add(0)), 7);
    await runtime.kill(counter);
    await assert.rejects(runtime.get(same.add(1)), failing("ACTOR_DIED", /killed/));
    await eventually("the name is free", () =>
      runtime.actor("c").then(
        () => false,
        () => true,
      ),
    );
    await assert.rejects(runtime.actor("c"), failing("NOT_FOUND", /"c"/));
  });
});

suite("ends", () => {
  test("creation that throws is told, and restarted only as often as it may", async () => {
    await using started = await start();
    const { actors } = started;
    await assert.rejects(actors.Logged.create(started.file("a"), true), {
      code: "CALL_FAILED",
      message: /^the creation of actor "Logged" on worker \d+ \(pid \d+\) threw RangeError: cannot start$/,
      remoteStack: /RangeError: cannot start\n +at .*fixtures\/actors\.ts/,
    });
    await assert.rejects(
      actors.Logged.options({ maxRestarts: 1 }).create(started.file("b"), true),
      failing("CALL_FAILED", /cannot start/),
    );
    assert.deepEqual([(await started.lines("a")).length, (await started.lines("b")).length], [1, 2]);
  });

  test("a crash fails the calls under way, a restart forgets the state, retries are sent again", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const counter = await actors.Counter.options({ maxRestarts: 2 }).create(1);
    assert.equal(await runtime.get(counter.add(1)), 2);
    await assert.rejects(
      runtime.get(counter.crash()),
      failing("ACTOR_UNAVAILABLE", /crashed .*SIGKILL.*being restarted/),
    );
    const patient = counter.add.options({ maxTaskRetries: -1 });
    assert.equal(await runtime.get(patient(5)), 6, "from the start again");
    const pid = await runtime.get(counter.pid());
    const calls = [patient(1), patient(2), patient(3)];
    process.kill(pid, "SIGKILL");
    const values = await runtime.get(calls);
    assert.equal(values.at(-1), values[0] === 7 ? 12 : 7);
    await assert.rejects(runtime.get(counter.crash()), failing("ACTOR_DIED", /crashed/));
    await assert.rejects(runtime.get(counter.add(1)), failing("ACTOR_DIED", /dead/));
  });

  test("kill with a restart allowed starts it again", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const counter = await actors.Counter.options({ maxRestarts: 1 }).create(1);
    const pid = await runtime.get(counter.pid());
    await runtime.kill(counter, { noRestart: false });
    await eventually("the process is gone", () => !isRunning(pid));
    assert.equal(await runtime.get(counter.add.options({ maxTaskRetries: -1 })(1)), 2);
  });

  test("an actor nobody has a handle to is stopped, a detached one stays", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    await (async () => {
      await actors.Logged.create(started.file("a"));
      await actors.Logged.options({ name: "kept", lifetime: "detached" }).create(started.file("b"));
    })();
    const { setFlagsFromString } = await import("node:v8");
    setFlagsFromString("--expose-gc");
    const { runInNewContext } = await import("node:vm");
    const collect = runInNewContext("gc") as () => void;
    await eventually("it was stopped", async () => {
      collect();
      return (await started.lines("a")).includes("stop");
    });
    const kept = await runtime.actor<typeof import("./fixtures/actors.ts").Logged>("kept");
    assert.equal(typeof (await runtime.get(kept.ping())), "number");
    assert.equal((await started.lines("b")).length, 1);
  });

  test("actors created and killed in a loop leave nothing", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const pids: number[] = [];
    {
      await using started = await start();
      const { runtime, actors } = started;
      for (let round = 0; round < 10; round++) {
        const all = await Promise.all(Array.from({ length: 5 }, (_, n) => actors.Counter.create(n)));
        pids.push(...(await runtime.get(all.map((counter) => counter.pid()))));
        await Promise.all(all.map((counter) => runtime.kill(counter)));
      }
    }
    assert.equal(new Set(pids).size, 50);
    assert.deepEqual(pids.filter(isRunning), []);
    const folders = readdirSync("/dev/shm").filter((name) => name.startsWith(`shoal-${process.pid}-`));
    assert.deepEqual(folders, []);
    // Those of what has just ended are closed a moment later.
    await eventually("descriptors are closed", () => readdirSync("/proc/self/fd").length <= before + 2);
  });
});
