// Graphs of tasks and calls, executed on real workers.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { suite, test } from "node:test";
import type { InputNode, ObjectRef } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

suite("executions", () => {
  test("a shared step runs once, values are joined, each execution has its input", async () => {
    await using started = await start();
    const { runtime, work, file, lines } = started;
    const graph = runtime.graph((input: InputNode<number>) => {
      const shared = work.logged.bind(file("log"), "shared", input);
      const left = work.logged.bind(file("log"), "left", shared, 1);
      const right = work.logged.bind(file("log"), "right", shared, 2);
      return work.sum.bind(left, right, shared, input);
    });
    assert.equal(await runtime.get(graph.execute(10)), 43);
    assert.deepEqual((await lines("log")).toSorted(), ["left", "right", "shared"]);
    assert.deepEqual(await runtime.get([graph.execute(0), graph.execute(100)]), [3, 403]);
  });

  test("the output is a node, a list or an object; several returns and streams are outputs too", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const list = runtime.graph((input: InputNode<number>) => {
      const [number, text] = work.pair.options({ numReturns: 2 }).bind(input);
      return [text, work.increment.bind(number), work.upTo.bind(input)];
    });
    const [text, more, stream] = list.execute(3);
    const typed: [ObjectRef<string>, ObjectRef<number>] = [text, more];
    assert.deepEqual(await runtime.get(typed), ["3", 4]);
    const items: number[] = [];
    for await (const item of stream) items.push(item);
    assert.deepEqual(items, [0, 1, 2]);
    const object = runtime.graph(() => ({ one: work.increment.bind(0), two: work.increment.bind(1) }));
    const { one, two } = object.execute();
    assert.deepEqual(await runtime.get([two, one]), [2, 1]);
  });

  test("members of the input stand anywhere, nodes inside of arguments are references there", async () => {
    await using started = await start();
    const { runtime, work } = started;
    interface Input {
      readonly user: { readonly name: string };
      readonly ages: readonly [number, number];
    }
    const graph = runtime.graph((input: InputNode<Input>) => {
      const numbers = [work.increment.bind(1), work.increment.bind(input.ages[1])];
      return [work.describe.bind({ name: input.user.name, age: input.ages[0] }), work.sumOf.bind(numbers)];
    });
    const input: Input = { user: { name: "Ann" }, ages: [30, 40] };
    assert.deepEqual(await runtime.get(graph.execute(input)), ["Ann 30", 43]);
    assert.throws(
      () => graph.execute({ ages: [1, 2] } as unknown as Input),
      failing("INVALID_ARGUMENT", /Cannot read input\.user\.name: input\.user is undefined/),
    );
    const put = await runtime.put(input);
    assert.throws(
      () => graph.execute(put),
      failing("INVALID_ARGUMENT", /found a reference, wanted the value/),
    );
  });

  test("the input may be a reference, and nothing waits for anything when it is executed", async () => {
    await using started = await start();
    const { runtime, work, file } = started;
    const graph = runtime.graph((input: InputNode<number>) =>
      work.increment.bind(work.increment.bind(input)),
    );
    const result = graph.execute(work.waitFor(file("go")));
    assert.deepEqual(await runtime.wait([result], { timeoutMs: 20 }), { ready: [], pending: [result] });
    await writeFile(file("go"), "");
    assert.equal(await runtime.get(result), 3);
  });

  test("the types of nodes are those of the values; the compiler refuses the others", async () => {
    await using started = await start();
    const { runtime, work } = started;
    // @ts-expect-error a text for a number
    work.increment.bind("1");
    // @ts-expect-error the node of a text for a number
    work.increment.bind(work.join.bind("a"));
    // @ts-expect-error the node of a number inside of an argument, where it is a reference
    work.describe.bind({ name: "a", age: work.increment.bind(1) });
    // @ts-expect-error numbers where references are wanted
    work.sumOf.bind([1, 2]);
    const graph = runtime.graph((input: InputNode<{ readonly n: number }>) => {
      // @ts-expect-error no such member
      void input.m;
      return work.increment.bind(input.n);
    });
    // @ts-expect-error another input
    graph.execute({ n: "1" });
    const result: number = await runtime.get(graph.execute({ n: 1 }));
    assert.equal(result, 2);
  });

  test("large values go from worker to worker", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const graph = runtime.graph((length: InputNode<number>) => work.byteLength.bind(work.bytes.bind(length)));
    assert.equal(await runtime.get(graph.execute(3_000_000)), 3_000_000);
  });
});

suite("actors", () => {
  test("an actor of a graph is made by each execution, told all it was told before, and stopped", async () => {
    await using started = await start();
    const { runtime, work, actors, file, lines } = started;
    const graph = runtime.graph((input: InputNode<number>) => {
      const actor = actors.Logged.bind(file("log"), work.increment.bind(input));
      actor.add.bind(10);
      const total = actor.add.bind(100);
      actor.add.bind(1_000);
      return total;
    });
    assert.equal(await runtime.get(graph.execute(0)), 111);
    assert.equal(await runtime.get(graph.execute(4)), 115);
    await eventually("both are stopped", async () => (await lines("log")).length === 4);
    assert.deepEqual((await lines("log")).toSorted(), ["made", "made", "stopped", "stopped"]);
  });

  test("methods of an actor that is there are steps, and a graph keeps its actor", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const counter = await actors.Adder.create(1);
    const graph = runtime.graph((input: InputNode<number>) => [
      counter.add.bind(work.increment.bind(input)),
      counter.calls.bind(),
    ]);
    assert.deepEqual(await runtime.get(graph.execute(5)), [7, 1]);
    await runtime.kill(counter);
    const [sum] = graph.execute(5);
    await assert.rejects(runtime.get(sum), failing("ACTOR_DIED", /Adder/));
  });
});

suite("retries", () => {
  test("what failed runs again with what depends on it, the rest stays", async () => {
    await using started = await start();
    const { runtime, work, file, lines } = started;
    const graph = runtime.graph((input: InputNode<number>) => {
      const shared = work.logged.bind(file("log"), "shared", input);
      const good = work.logged.bind(file("log"), "good", shared);
      const flaky = work.loggedUnless.bind(file("log"), file("allowed"), shared);
      return { good, both: work.logged.bind(file("log"), "both", good, flaky) };
    });
    const execution = graph.start(1);
    const first = execution.references;
    await assert.rejects(runtime.get(first.both), failing("CALL_FAILED", /threw RangeError: not yet/));
    await assert.rejects(
      execution.retry().then(({ both }) => runtime.get(both)),
      failing("CALL_FAILED", /not yet/),
    );
    await writeFile(file("allowed"), "");
    const { good, both } = await execution.retry();
    assert.equal(good, first.good);
    assert.equal(execution.references.both, both);
    assert.equal(await runtime.get(both), 2);
    assert.deepEqual((await lines("log")).toSorted(), ["both", "flaky", "flaky", "flaky", "good", "shared"]);
    assert.equal((await execution.retry()).both, both, "nothing failed");
  });

  test("what took a reference to something that failed runs again too", async () => {
    await using started = await start();
    const { runtime, work, file } = started;
    const graph = runtime.graph(() => {
      const flaky = work.loggedUnless.bind(file("log"), file("allowed"), 20);
      return work.sumOfGood.bind([flaky, work.increment.bind(1)]);
    });
    const execution = graph.start();
    assert.equal(await runtime.get(execution.references), 2, "it did not fail itself");
    await writeFile(file("allowed"), "");
    assert.equal(await runtime.get(await execution.retry()), 22);
  });

  test("an actor of the graph is made again with all its calls", async () => {
    await using started = await start();
    const { runtime, work, actors, file, lines } = started;
    const graph = runtime.graph(() => {
      const actor = actors.Logged.bind(file("log"), 1);
      const added = actor.add.bind(2);
      const flaky = work.loggedUnless.bind(file("flaky"), file("allowed"), 1);
      return [added, actor.add.bind(flaky)];
    });
    const execution = graph.start();
    await assert.rejects(runtime.get(execution.references), failing("CALL_FAILED", /not yet/));
    await writeFile(file("allowed"), "");
    assert.deepEqual(await runtime.get(await execution.retry()), [3, 4]);
    assert.equal((await lines("log")).filter((line) => line === "made").length, 2);
  });
});

suite("refusals", () => {
  test("nodes of another runtime or of another graph", async () => {
    await using started = await start();
    await using other = await start();
    const { runtime, work } = started;
    assert.throws(
      () => runtime.graph(() => work.sum.bind(other.work.increment.bind(1))),
      failing("INVALID_ARGUMENT", /the node "increment": it is of another runtime/),
    );
    let foreign: InputNode<{ readonly n: number }> | undefined;
    runtime.graph((input: InputNode<{ readonly n: number }>) => {
      foreign = input;
      return work.increment.bind(input.n);
    });
    assert.throws(
      () => runtime.graph(() => work.increment.bind(foreign?.n ?? 0)),
      failing("INVALID_ARGUMENT", /the node "increment": its argument input\.n is of another graph/),
    );
  });

  test("a node where a value is wanted, a value where a node is", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const node = work.increment.bind(1);
    assert.throws(
      () => work.echo(node),
      failing("INVALID_ARGUMENT", /a node of a graph, which only bind\(\) takes/),
    );
    await assert.rejects(runtime.put({ node }), failing("INVALID_ARGUMENT", /a node of a graph/));
    assert.throws(
      () => Number(node),
      failing("INVALID_ARGUMENT", /cannot be read: it has a value only when/),
    );
    runtime.graph((input: InputNode<number>) => {
      assert.throws(() => work.echo(input), failing("INVALID_ARGUMENT", /is a proxy/));
      assert.throws(() => Number(input) + 1, failing("INVALID_ARGUMENT", /cannot be read/));
      return node;
    });
    assert.throws(
      () => runtime.graph(() => 3 as never),
      failing("INVALID_ARGUMENT", /found a number, wanted what bind\(\) gave/),
    );
    assert.throws(
      () => runtime.graph((input: InputNode<number>) => ({ a: node, b: input })),
      failing("INVALID_ARGUMENT", /found the input at \.b/),
    );
    assert.throws(
      () => actors.Adder.options({ name: "a" }).bind(1),
      failing("INVALID_ARGUMENT", /found the option name/),
    );
    const graph = runtime.graph((input: InputNode<unknown>) => work.echo.bind(input));
    assert.throws(() => graph.execute(() => 1), failing("INVALID_ARGUMENT", /is a function/));
  });
});
