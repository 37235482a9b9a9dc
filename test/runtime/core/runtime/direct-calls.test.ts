// Calls from worker to worker: what goes over a socket between the two is, to everybody, what goes by way of the head.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type ActorModule, type WorkerLine } from "../../../../runtime/core/index.ts";
import { collectGarbage } from "../../../../runtime/core/objects/collect.ts";
import type { WorkerSetUp } from "../../../../runtime/core/workers/worker-process.ts";
import { eventually } from "../../../support/eventually.ts";
import { checkAsyncProperty } from "../../../support/properties.ts";
import type { Step } from "./fixtures/callers.ts";
import { failing, start as startRuntime, type Started } from "./support.ts";

type Callers = typeof import("./fixtures/callers.ts");

const CALLERS = new URL("./fixtures/callers.ts", import.meta.url);

async function start(
  options?: Parameters<typeof startRuntime>[0],
): Promise<Started & { callers: ActorModule<Callers> }> {
  const started = await startRuntime(options);
  return Object.assign(started, { callers: started.runtime.actors<Callers>(CALLERS) });
}

function memoryFolderOf(pid: number): string {
  const set = readFileSync(`/proc/${pid}/cmdline`, "utf8")
    .split("\0")
    .find((each) => each.startsWith("{"));
  return (JSON.parse(set ?? "") as WorkerSetUp).objectFolders.memory;
}

suite("what direct calls give", () => {
  test("calls of one caller begin in their order, whichever way each goes", async (context) => {
    await using started = await start();
    const { runtime, callers } = started;
    const client = await callers.Client.create();
    const step = fc.oneof(
      { weight: 30, arbitrary: fc.constant<Step>("plain") },
      { weight: 6, arbitrary: fc.constant<Step>("async") },
      { weight: 1, arbitrary: fc.constant<Step>("reference") },
      { weight: 1, arbitrary: fc.constant<Step>("await") },
    );
    // The caller asks to be let in again before it has its answer.
    const asksAgain = Array.from({ length: 200 }, (_, n): Step => (n % 17 === 16 ? "reference" : "plain"));
    const some = fc.oneof(fc.constant(asksAgain), fc.array(step, { minLength: 60, maxLength: 400 }));
    const property = fc.asyncProperty(some, async (steps) => {
      const server = await callers.Server.create();
      const numbers = steps.map((_, n) => n);
      assert.deepEqual(await runtime.get(client.inOrder(server, steps)), numbers);
      assert.deepEqual(await runtime.get(server.notes()), numbers);
      await runtime.kill(server);
    });
    await checkAsyncProperty(context, property, 10);
  });

  test("small results stay with their caller, the head has none of them", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    await runtime.get(client.keep(server, 100));
    const { rows } = await runtime.list("objects", { limit: 1_000 });
    assert.deepEqual(
      rows.filter(({ ownerId }) => ownerId === "Server.note"),
      [],
    );
    assert.equal(await runtime.get(client.kept()).then(({ length }) => length), 100);
  });

  test("calls of many names", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const numbers = [...Array.from({ length: 2_500 }, (_, n) => n), 0, 1];
    assert.deepEqual(await runtime.get(client.named(server, 2_500)), numbers);
  });

  test("errors are those of any call", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const [thrown, typed, directThrown, directTyped] = await runtime.get(client.failures(server));
    assert.match(
      thrown ?? "",
      /^CALL_FAILED task "Server.fail" on worker \d+ \(pid \d+\) threw RangeError: not today$/,
    );
    assert.equal(typed, "NOT_FOUND there is none");
    assert.deepEqual([directThrown, directTyped], [thrown, typed]);
  });

  test("large results, references, streams and nothing", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const small = [7, 7, 7, 7, 7];
    assert.deepEqual(await runtime.get(client.outcomes(server)), [200_000, 7, small, 41, 40, undefined]);
  });

  test("their references can be passed on, settled or not", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    assert.deepEqual(await runtime.get(client.passed(server)), [25, 36, 7, 5, 6]);
    const { inner } = await runtime.get(client.shared(server, started.file("held")));
    await started.lines("held", 1);
    await runtime.get(server.release());
    assert.equal(await runtime.get(inner), "released");
  });

  test("wait and get with deadlines, of direct results and others", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    assert.deepEqual(await runtime.get(client.waits(server, started.file("held"))), [
      [true, true],
      [0, 1],
      [1, 1],
      "DEADLINE_EXCEEDED",
      0,
      ["released", "put"],
    ]);
  });

  test("a task that waits for one gives its CPU back", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, callers } = started;
    const server = await callers.Server.create();
    const { squareBy } = runtime.tasks<Callers>(CALLERS);
    assert.equal(await runtime.get(squareBy(server)), 81);
  });
});

suite("how direct calls end otherwise", () => {
  test("a killed actor fails those on their way as all others", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const server = await callers.Server.create();
    const client = await callers.Client.create();
    const held = client.held(server, [started.file("a"), started.file("b")]);
    await started.lines("a", 1);
    await started.lines("b", 1);
    await runtime.kill(server);
    for (const told of await runtime.get(held))
      assert.match(told, /^ACTOR_DIED Actor "Server" is dead: killed$/);
    const [later] = await runtime.get(client.many(server, 1));
    assert.match(later ?? "", /^ACTOR_DIED/);
  });

  test("one that is killed while it lets a caller in fails what waits for that", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const server = await callers.Server.create();
    const client = await callers.Client.create();
    const pid = await runtime.get(server.pid());
    process.kill(pid, "SIGSTOP");
    const many = client.many(server, 40);
    await eventually("calls have come to the head", async () => {
      const { rows } = await runtime.list("tasks", { filters: ["name=Server.noteLater"] });
      return rows.length === 16;
    });
    await runtime.kill(server);
    const told = await runtime.get(many);
    assert.equal(told.length, 40);
    for (const each of told)
      assert.match(each, /^ACTOR_DIED Actor "Server" is dead: killed|^ACTOR_DIED Cannot call/);
  });

  test("a crashed one that is restarted: failed with a reason, or sent again in the same order", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const server = await callers.Server.options({ maxRestarts: -1 }).create();
    const client = await callers.Client.create();
    const held = client.held(server, [started.file("a")]);
    const [pid] = await started.lines("a", 1);
    process.kill(Number(pid), "SIGKILL");
    const [told = ""] = await runtime.get(held);
    assert.match(
      told,
      /^ACTOR_UNAVAILABLE Actor "Server" crashed in service with SIGKILL, it is being restarted$/,
    );
    const restarted = await runtime.get(server.pid.options({ maxTaskRetries: -1 })());
    const attempts = client.attempts(server, started.file("b"));
    await started.lines("b", 1);
    process.kill(restarted, "SIGKILL");
    assert.deepEqual(await runtime.get(attempts), [2, 2, 2, 2, 2]);
    assert.equal(new Set(await runtime.get(client.many(server, 50))).size, 50);
  });

  test("a killed caller's calls are cancelled at the actor, what it promised to others fails", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const { inner } = await runtime.get(client.shared(server, started.file("held")));
    await started.lines("held", 1);
    const rowsOf = async (state: string): Promise<number> => {
      const { rows } = await runtime.list("tasks", { filters: ["name=Server.hold", `state=${state}`] });
      return rows.length;
    };
    await eventually("the call is told as running", async () => (await rowsOf("RUNNING")) === 1);
    await runtime.kill(client);
    assert.equal((await started.lines("held", 2))[1], "aborted");
    await assert.rejects(runtime.get(inner), failing("CANCELLED", /gone/));
    assert.equal(await runtime.get(server.note(1)), 1);
    assert.deepEqual([await rowsOf("RUNNING"), await rowsOf("FAILED")], [0, 1]);
  });

  test("a stopped actor lets its callers' deadlines pass, and goes on", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const pid = await runtime.get(server.pid());
    assert.equal(await runtime.get(client.deadline(server)), "DEADLINE_EXCEEDED");
    process.kill(pid, "SIGCONT");
    assert.deepEqual(await runtime.get(client.kept()), ["value 1"]);
  });

  test("cancel: their signal aborts, what they submitted is cancelled too", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const told = await runtime.get(client.cancelled(server, [started.file("a"), started.file("b")]));
    assert.deepEqual(told, [
      'CANCELLED Task "Server.hold" was cancelled',
      'CANCELLED Task "Server.holdTask" was cancelled',
    ]);
    assert.equal((await started.lines("a", 2))[1], "aborted");
    assert.equal((await started.lines("b", 2))[1], "cancelled");
  });

  test("cancel by others: by a reference, or with the task that made them", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const { inner } = await runtime.get(client.shared(server, started.file("a")));
    await started.lines("a", 1);
    await runtime.cancel(inner);
    await assert.rejects(runtime.get(inner), failing("CANCELLED", /Server.hold/));
    assert.equal((await started.lines("a", 2))[1], "aborted");
    const task = runtime.tasks<Callers>(CALLERS).holdBy(server, started.file("b"));
    await started.lines("b", 1);
    await runtime.cancel(task);
    assert.equal((await started.lines("b", 2))[1], "aborted");
  });

  test("stop lets them finish, and refuses later ones", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const keeps = client.keepCall(server, started.file("begun"), started.file("go"));
    await started.lines("begun", 1);
    const stopped = runtime.stop(server);
    const [refused = ""] = await runtime.get(client.many(server, 1));
    assert.match(refused, /^ACTOR_DIED .*being stopped/);
    await writeFile(started.file("go"), "");
    await runtime.get(keeps);
    assert.deepEqual(await runtime.get(client.kept()), ["value done"]);
    await stopped;
  });

  test("an actor without handles lives until they are over, and leaves no socket", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const client = await callers.Client.create();
    const callAndForget = async (): Promise<void> => {
      const server = await callers.Server.create();
      await runtime.get(client.keepCall(server, started.file("begun"), started.file("go")));
    };
    await callAndForget();
    const [pid] = await started.lines("begun", 1);
    const memory = memoryFolderOf(Number(pid));
    const sockets = (): string[] => readdirSync(memory).filter((name) => name.startsWith("calls-"));
    const isAlive = async (): Promise<boolean> => {
      const { rows } = await runtime.list("actors", { filters: ["className=Server"] });
      return rows[0]?.state === "ALIVE";
    };
    for (let round = 0; round < 5; round++) {
      await Promise.all([collectGarbage(), runtime.get(client.collect())]);
      await runtime.get(client.pid());
    }
    assert.ok(await isAlive());
    assert.equal(sockets().length, 1);
    await writeFile(started.file("go"), "");
    assert.deepEqual(await runtime.get(client.kept()), ["value done"]);
    await eventually("it is stopped", async () => {
      await collectGarbage();
      return !(await isAlive()) && sockets().length === 0;
    });
  });

  test("a bound of pending calls holds for all of them", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const server = await callers.Server.options({ maxPendingCalls: 30 }).create();
    const client = await callers.Client.create();
    await runtime.get(client.warm(server));
    const pid = await runtime.get(server.pid());
    process.kill(pid, "SIGSTOP"); // none of them ends before the last is counted
    const many = client.many(server, 40);
    await eventually("all have come to the head", async () => {
      const { rows } = await runtime.list("tasks", { filters: ["name=Server.noteLater"] });
      return rows.length === 40;
    });
    process.kill(pid, "SIGCONT");
    const told = await runtime.get(many);
    assert.equal(told.filter((each) => each.startsWith("value")).length, 30);
    assert.match(told[39] ?? "", /^QUEUE_FULL/);
  });
});

suite("what is told of direct calls", () => {
  test("rows of tasks and actors", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const held = client.held(server, [started.file("a")]);
    await started.lines("a", 1);
    const stateOf = async (name: string, state: string): Promise<number> => {
      const { rows } = await runtime.list("tasks", {
        filters: [`name=${name}`, `state=${state}`],
        limit: 1_000,
      });
      return rows.length;
    };
    await eventually("it is told as running", async () => (await stateOf("Server.hold", "RUNNING")) === 1);
    const { rows: actors } = await runtime.list("actors", { filters: ["className=Server"] });
    assert.equal(actors[0]?.pendingCalls, 1);
    await runtime.get(server.release());
    assert.deepEqual(await runtime.get(held), ["value released"]);
    await eventually("it is told as finished", async () => (await stateOf("Server.hold", "FINISHED")) === 1);
    assert.equal(await stateOf("Server.hold", "RUNNING"), 0);
    await runtime.get(client.failures(server));
    await eventually("failures are told", async () => (await stateOf("Server.fail", "FAILED")) === 4);
    await eventually("all are told", async () => (await stateOf("Server.nothing", "FINISHED")) === 40);
    const { rows } = await runtime.list("tasks", { filters: ["name=Server.fail"] });
    const pid = await runtime.get(server.pid());
    for (const row of rows) {
      assert.equal(row.workerPid, pid);
      assert.equal(row.errorType === "CALL_FAILED" || row.errorType === "NOT_FOUND", true);
      assert.ok(
        row.parentTaskId !== null && (row.endTimeMs ?? 0) >= (row.startTimeMs ?? Number.POSITIVE_INFINITY),
      );
    }
  });

  test("the stack of an actor that one of them blocks", async () => {
    await using started = await start();
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    const pid = await runtime.get(server.pid());
    const blocked = client.block(server, started.file("a"));
    await started.lines("a", 1);
    await eventually("it is told with its call", async () => {
      const stack = (await runtime.stacks({ timeoutMs: 20_000 })).find((each) => each.pid === pid);
      return stack?.state === "BLOCKED" && stack.tasks.some(({ name }) => name === "Server.spin");
    });
    await runtime.kill(server);
    await assert.rejects(runtime.get(blocked), failing("ACTOR_DIED", /killed/));
  });

  test("what they print is named", async () => {
    const lines: WorkerLine[] = [];
    await using started = await start({
      logToDriver: true,
      dedupLogs: false,
      onWorkerLine: (line) => lines.push(line),
    });
    const { runtime, callers } = started;
    const [server, client] = await Promise.all([callers.Server.create(), callers.Client.create()]);
    await runtime.get(client.print(server));
    await eventually("the line", () =>
      lines.some(({ text, name }) => text === "hello" && name === "Server.print"),
    );
  });
});
