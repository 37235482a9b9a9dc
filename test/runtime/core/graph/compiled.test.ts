// Compiled graphs on real actors.

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { InputNode } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

suite("executions", () => {
  test("results are those of the graph, in order, over steps that share, join and come back", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [a, b] = await Promise.all([actors.Adder.create(1), actors.Adder.create(10)]);
    const graph = runtime.graph((input: InputNode<{ readonly x: number; readonly y: number }>) => {
      const first = a.add.bind(input.x);
      const [sum, difference] = b.both.options({ numReturns: 2 }).bind(first);
      const joined = a.add.bind(sum, difference, first, input.y, input.x);
      return { joined, again: b.add.bind(joined, 1_000), first };
    });
    await using compiled = await graph.compile({ maxInFlight: 3 });
    const order: number[] = [];
    const inputs = Array.from({ length: 20 }, (_, x) => ({ x, y: 100 }));
    const results = await Promise.all(
      inputs.map(async (input, index) => {
        const result = await compiled.execute(input);
        order.push(index);
        return result;
      }),
    );
    const plain = await Promise.all(
      inputs.map(async (input) => {
        const { joined, again, first } = graph.execute(input);
        return {
          joined: await runtime.get(joined),
          again: await runtime.get(again),
          first: await runtime.get(first),
        };
      }),
    );
    assert.deepEqual(results, plain);
    assert.deepEqual(results[2], { joined: 112, again: 1_122, first: 3 });
    assert.deepEqual(order, [...inputs.keys()]);
  });

  test("large values, and references inside of values, cross from actor to actor", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [a, b] = await Promise.all([actors.Adder.create(2), actors.Adder.create(3)]);
    const graph = runtime.graph((length: InputNode<number>) => [
      b.sumOf.bind(a.fill.bind(length)),
      b.lengthOf.bind(a.put.bind(length)),
      a.fill.bind(length),
    ]);
    await using compiled = await graph.compile({ maxInFlight: 2 });
    const lengths = [200_000, 10, 50_000, 300_000];
    for (const [index, [sum, length, filled]] of (
      await Promise.all(lengths.map((length) => compiled.execute(length)))
    ).entries()) {
      assert.deepEqual(
        [sum, length, filled?.length],
        Array.from([2, 1, 1], (factor) => factor * (lengths[index] ?? 0)),
      );
    }
  });

  test("what is written into the input after execute reaches nobody", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const gate = await actors.Gate.create();
    const graph = runtime.graph((input: InputNode<number[]>) => gate.pass.bind(input as never));
    await using compiled = await graph.compile({ maxInFlight: 1 });
    const input = [1];
    const results = [compiled.execute(input), compiled.execute(input)];
    input.push(2);
    await runtime.get(gate.open());
    assert.deepEqual(await Promise.all(results), [[1], [1]]);
  });

  test("a task can compile a graph over actors whose handles it was given", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const adder = await actors.Adder.create(5);
    assert.equal(await runtime.get(work.compileThere(adder, 3)), 8);
  });
});

suite("in flight", () => {
  test("no more than maxInFlight are on their way, no more than maxQueued wait", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const gate = await actors.Gate.options({ maxConcurrency: 2 }).create();
    const graph = runtime.graph((input: InputNode<number>) => gate.pass.bind(input));
    await using compiled = await graph.compile({ maxInFlight: 2, maxQueued: 1 });
    const results = [compiled.execute(1), compiled.execute(2), compiled.execute(3)];
    await assert.rejects(
      compiled.execute(4),
      failing("QUEUE_FULL", /2 executions are on their way and 1 wait/),
    );
    await eventually("the first has begun", async () => (await runtime.get(gate.begun())).length === 1);
    assert.deepEqual(await runtime.get(gate.begun()), [1], "a stage runs one at a time");
    await runtime.get(gate.open());
    assert.deepEqual(await Promise.all(results), [1, 2, 3]);
    assert.deepEqual(await runtime.get(gate.begun()), [1, 2, 3]);
  });

  test("who stops waiting leaves the execution its place", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const gate = await actors.Gate.create();
    const graph = runtime.graph((input: InputNode<number>) => gate.pass.bind(input));
    await using compiled = await graph.compile({ maxInFlight: 1, maxQueued: 1 });
    await assert.rejects(
      compiled.execute(1, { timeoutMs: 5 }),
      failing("DEADLINE_EXCEEDED", /no result within 5 ms/),
    );
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(compiled.execute(2, { signal }), failing("CANCELLED", /enough/));
    await assert.rejects(compiled.execute(3), failing("QUEUE_FULL", /1 executions/));
    await runtime.get(gate.open());
    await eventually("there is a place", async () => {
      const result = await compiled.execute(4).catch(() => undefined);
      return result === 4;
    });
    assert.deepEqual((await runtime.get(gate.begun())).slice(0, 2), [1, 2]);
  });
});

suite("failures", () => {
  test("an error is that of its execution only", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [a, b] = await Promise.all([actors.Adder.create(1), actors.Adder.create(10)]);
    const graph = runtime.graph((input: InputNode<number>) => b.add.bind(a.failOn.bind(2, input), input));
    await using compiled = await graph.compile();
    const ends = await Promise.allSettled([1, 2, 3, 2].map((n) => compiled.execute(n)));
    assert.deepEqual(
      ends.map((end) => (end.status === "fulfilled" ? end.value : (end.reason as Error).message)),
      [12, expectedError(), 16, expectedError()],
    );
    assert.equal(await runtime.get(b.calls()), 2, "a step that got an error does not run");
    const [, failed] = ends;
    const reason =
      failed?.status === "rejected" ? (failed.reason as { remoteStack?: string; code: string }) : undefined;
    assert.equal(reason?.code, "CALL_FAILED");
    assert.match(reason?.remoteStack ?? "", /failOn.*actors\.ts/s);

    function expectedError(): string {
      const [, { reason: error } = { reason: undefined }] = ends as PromiseRejectedResult[];
      const { message } = error as Error;
      assert.match(message, /^"Adder\.failOn" of a compiled graph \(pid \d+\) threw RangeError: not 2$/);
      return message;
    }
  });

  test("a result that cannot be sent, a stream, an input that cannot be sent", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const adder = await actors.Adder.create(1);
    const cases = [
      [adder.notSendable, /Cannot send the result of "Adder\.notSendable".*inner\.run is a function/],
      [adder.stream, /Cannot stream from "Adder\.stream"/],
    ] as const;
    for (const [method, words] of cases) {
      const graph = runtime.graph((input: InputNode<number>) => method.bind(input));
      await using compiled = await graph.compile({ maxInFlight: 1 });
      await assert.rejects(compiled.execute(1), { message: words });
      await assert.rejects(compiled.execute(1), { message: words }, "the graph goes on");
      await assert.rejects(
        compiled.execute((() => 1) as never),
        failing("INVALID_ARGUMENT", /with this input.*is a function/),
      );
    }
  });

  test("a killed actor fails what is in flight and everything later, with why", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [a, gate, c] = await Promise.all([
      actors.Adder.create(1),
      actors.Gate.create(),
      actors.Adder.create(2),
    ]);
    const graph = runtime.graph((input: InputNode<number>) => c.add.bind(gate.pass.bind(a.add.bind(input))));
    await using compiled = await graph.compile({ maxInFlight: 2 });
    const ends = Promise.allSettled([1, 2, 3].map((n) => compiled.execute(n)));
    await eventually("one is held", async () => (await runtime.get(gate.begun())).length === 1);
    process.kill(await runtime.get(a.pid()), "SIGKILL");
    for (const end of await ends) {
      assert.equal(end.status, "rejected");
      assert.equal((end.reason as { code: string }).code, "ACTOR_DIED");
      assert.match((end.reason as Error).message, /Adder.*SIGKILL/);
    }
    await assert.rejects(compiled.execute(4), failing("ACTOR_DIED", /SIGKILL/));
    assert.equal(await runtime.get(c.add(5)), 7, "the others live");
  });

  test("an actor that crashes in a step and is restarted can be compiled again", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const adder = await actors.Adder.options({ maxRestarts: 1, maxTaskRetries: -1 }).create(1);
    const crashing = await runtime.graph((input: InputNode<number>) => adder.crash.bind(input)).compile();
    await assert.rejects(crashing.execute(1), { code: "ACTOR_UNAVAILABLE" });
    await crashing.teardown();
    assert.equal(await runtime.get(adder.add(1)), 2);
    await using compiled = await runtime.graph((input: InputNode<number>) => adder.add.bind(input)).compile();
    assert.equal(await compiled.execute(4), 5);
  });
});

suite("setting up", () => {
  test("what cannot be compiled is refused with the node named", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const adder = await actors.Adder.create(1);
    type Node = Parameters<Parameters<typeof runtime.graph<number>>[0]>[0];
    const refused = async (
      build: (input: Node) => ReturnType<typeof adder.add.bind>,
      words: RegExp,
    ): Promise<void> => {
      await assert.rejects(runtime.graph(build).compile(), failing("INVALID_ARGUMENT", words));
    };
    await refused((input) => work.increment.bind(input), /the node "increment": found a task/);
    await refused(
      (input) => adder.add.bind(actors.Adder.bind(1).add.bind(input)),
      /"Adder": found an actor that the graph/,
    );
    await refused(() => adder.add.bind(1), /"Adder\.add": found no node among its arguments/);
    await refused((input) => adder.add.bind([input] as never), /found a node inside of an argument/);
    await refused((input) => adder.add.options({ timeoutMs: 5 }).bind(input), /found timeoutMs/);
    await refused((input) => adder.add.options({ concurrencyGroup: "io" }).bind(input), /concurrency group/);
    const graph = runtime.graph((input: InputNode<number>) => adder.add.bind(input));
    await assert.rejects(
      graph.compile({ maxInFlight: 0 }),
      failing("INVALID_ARGUMENT", /maxInFlight: found 0/),
    );
    const misspelt = { maxInflight: 1, maxQueued: 1 };
    await assert.rejects(graph.compile(misspelt), failing("INVALID_ARGUMENT", /Cannot set maxInflight/));
  });

  test("a set-up that takes too long is given up, and leaves nothing", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [gate, adder] = await Promise.all([
      actors.Gate.options({
        maxConcurrency: 1,
        concurrencyGroups: { control: 1 },
        methodGroups: { open: "control" },
      }).create(),
      actors.Adder.create(1),
    ]);
    const held = gate.pass(1);
    const graph = runtime.graph((input: InputNode<number>) => adder.add.bind(gate.pass.bind(input)));
    await assert.rejects(graph.compile({ signal: AbortSignal.timeout(20) }), { code: "DEADLINE_EXCEEDED" });
    await runtime.get([gate.open(), held]);
    await using compiled = await graph.compile();
    assert.equal(await compiled.execute(4), 5);
  });

  test("two graphs over the same actors", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const [a, b] = await Promise.all([actors.Adder.create(1), actors.Adder.create(10)]);
    const there = runtime.graph((input: InputNode<number>) => b.add.bind(a.add.bind(input)));
    const back = runtime.graph((input: InputNode<number>) => a.add.bind(b.add.bind(input), input));
    const [one, two] = await Promise.all([there.compile(), back.compile()]);
    assert.deepEqual(await Promise.all([one.execute(0), two.execute(5), one.execute(1)]), [11, 21, 12]);
    await one.teardown();
    assert.equal(await two.execute(6), 23);
    await runtime.shutdown();
    await assert.rejects(two.execute(7), { code: "ACTOR_DIED" });
  });

  test("an actor that is dead, or known by name only", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const alive = await actors.Adder.options({ name: "alive" }).create(1);
    const dead = await actors.Adder.create(1);
    const graph = runtime.graph((input: InputNode<number>) => alive.add.bind(dead.add.bind(input)));
    await runtime.kill(dead);
    await assert.rejects(graph.compile(), { code: "ACTOR_DIED" });
    const named = await runtime.actor<typeof import("./fixtures/actors.ts").Adder>("alive");
    await assert.rejects(
      runtime.graph((input: InputNode<number>) => named.add.bind(input)).compile(),
      failing("UNSUPPORTED", /found by name/),
    );
  });

  test("no socket is left, and teardown ends what is on its way and nothing else", async () => {
    const folder = await mkdtemp(join(tmpdir(), "g-"));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder;
    try {
      await using started = await start();
      const { runtime, actors } = started;
      const [gate, adder] = await Promise.all([actors.Gate.create(), actors.Adder.create(1)]);
      const compiled = await runtime
        .graph((input: InputNode<number>) => adder.add.bind(gate.pass.bind(input)))
        .compile({ maxInFlight: 1 });
      assert.deepEqual(
        (await readdir(folder)).filter((name) => name.startsWith("shoal-graph-")),
        [],
      );
      const ends = Promise.allSettled([compiled.execute(1), compiled.execute(2)]);
      await eventually("one is held", async () => (await runtime.get(gate.begun())).length === 1);
      await Promise.all([compiled.teardown(), compiled.teardown()]);
      for (const end of await ends) {
        assert.equal(end.status === "rejected" && (end.reason as { code: string }).code, "CANCELLED");
      }
      await assert.rejects(compiled.execute(3), failing("CANCELLED", /torn down/));
      await runtime.get(gate.open());
      await turn();
      assert.equal(await runtime.get(adder.add(1)), 2);
      assert.deepEqual(await runtime.get(gate.begun()), [1]);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
      await rm(folder, { recursive: true, force: true });
    }
  });
});
