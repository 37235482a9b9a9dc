// Where workers stand: asked of real ones that wait, turn in circles, are stopped or sit in a system call.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { suite, test } from "node:test";
import type { TaskModule, WorkerLine, WorkerStack } from "../../../../runtime/core/index.ts";
import { StackProbe } from "../../../../runtime/core/stacks/stack-probe.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { type Started, start } from "../runtime/support.ts";
import { listeningPorts, makePipe } from "./support.ts";

type Blocked = typeof import("./fixtures/blocked.ts");

function blocked({ runtime }: Started): TaskModule<Blocked> {
  return runtime.tasks<Blocked>(new URL("./fixtures/blocked.ts", import.meta.url));
}

async function stackOf({ runtime }: Started, pid: number, timeoutMs: number): Promise<WorkerStack> {
  const stacks = await runtime.stacks({ timeoutMs });
  const found = stacks.find((stack) => stack.pid === pid);
  assert.ok(found !== undefined, `worker ${pid} is told of`);
  return found;
}

/** Nothing gets between the question and the answer for this long, unless it hangs. */
const PATIENT_MS = 30_000;

suite("stacks", () => {
  test("a worker that awaits tells its tasks, what they wait for, and where", async () => {
    await using started = await start();
    const { work, runtime } = started;
    work.parentOf(started.file("child"));
    blocked(started).sleep(started.file("sleeps"));
    await started.lines("child", 1);
    await started.lines("sleeps", 1);
    const stacks = await runtime.stacks({ timeoutMs: PATIENT_MS });
    const tasks = stacks.flatMap((stack) => stack.tasks);
    const parent = tasks.find(({ name }) => name === "parentOf");
    assert.equal(parent?.state, "WAITING");
    assert.equal(parent.waitsFor, "get of 1 object");
    assert.match(parent.stack[0] ?? "", /parentOf \(.*fixtures\/work\.ts:\d+:\d+\)/);
    assert.equal(tasks.find(({ name }) => name === "untilCancelled")?.state, "RUNNING");
    const sleeper = stacks.find((stack) => stack.tasks.some(({ name }) => name === "sleep"));
    assert.equal(sleeper?.state, "RESPONSIVE");
    assert.equal(sleeper.resources["Timeout"], 1);
  });

  for (const name of ["turnInCircles", "waitOnAtomics"] as const) {
    test(`a worker that does not come out of ${name} is paused for a moment, and no port stays open`, async () => {
      const lines: WorkerLine[] = [];
      await using started = await start({ logToDriver: true, onWorkerLine: (line) => lines.push(line) });
      blocked(started)[name](started.file("began"));
      const [pid = 0] = (await started.lines("began", 1)).map(Number);
      for (let round = 0; round < 2; round++) {
        const both = await Promise.all([
          stackOf(started, pid, PATIENT_MS),
          stackOf(started, pid, PATIENT_MS),
        ]);
        for (const { state, stack, tasks } of both) {
          assert.equal(state, "BLOCKED");
          assert.match(stack.join("\n"), new RegExp(`^${name} \\(file:.*fixtures/blocked\\.ts:\\d+:\\d+\\)`));
          assert.deepEqual(
            tasks.map((task) => [task.name, task.state]),
            [[name, "RUNNING"]],
          );
        }
        await eventually("no port is open", () => listeningPorts(pid).length === 0);
      }
      assert.deepEqual(lines, [], "nothing of it is the worker's output");
    });
  }

  test("a worker in a system call is told of as such, and the inspector it opens when it is back is closed", async () => {
    await using started = await start();
    const pipe = started.file("pipe");
    makePipe(pipe);
    const reading = blocked(started).readPipe(started.file("began"), pipe);
    const [pid = 0] = (await started.lines("began", 1)).map(Number);
    for (let round = 0; round < 2; round++) {
      const { state, detail } = await stackOf(started, pid, 600);
      assert.equal(state, "UNREACHABLE");
      assert.match(detail, /native code or a system call/);
    }
    await writeFile(pipe, "done");
    assert.equal(await started.runtime.get(reading), "done");
    await eventually("no port is open", () => listeningPorts(pid).length === 0);
    assert.equal((await stackOf(started, pid, PATIENT_MS)).state, "RESPONSIVE");
  });

  test("what Node opens again when the event loop turns is closed too; what somebody else asks for stays open and is told", async () => {
    const lines: WorkerLine[] = [];
    await using started = await start({ logToDriver: true, onWorkerLine: (line) => lines.push(line) });
    const turning = blocked(started).turnUntil(started.file("began"), started.file("end"));
    const [pid = 0] = (await started.lines("began", 1)).map(Number);
    assert.equal((await stackOf(started, pid, PATIENT_MS)).state, "BLOCKED");
    await eventually("no port is open", () => listeningPorts(pid).length === 0);
    await writeFile(started.file("end"), "");
    assert.equal(await started.runtime.get(turning), "done");
    for (let turn = 0; turn < 2; turn++) {
      assert.equal((await stackOf(started, pid, PATIENT_MS)).state, "RESPONSIVE");
    }
    await eventually("no port is open", () => listeningPorts(pid).length === 0);
    assert.equal(lines.length, 0, "nothing of it is the worker's output");
    await eventually("the line that tells where", () => {
      process.kill(pid, "SIGUSR1");
      return lines.some(({ text }) => text.startsWith("Debugger listening on ws:"));
    });
    assert.equal(listeningPorts(pid).length, 1);
  });

  test("a stopped worker is told of as stopped, and goes on unharmed", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const counter = await actors.Counter.create(1);
    const pid = await runtime.get(counter.pid());
    process.kill(pid, "SIGSTOP");
    assert.equal((await stackOf(started, pid, PATIENT_MS)).state, "STOPPED");
    process.kill(pid, "SIGCONT");
    assert.equal(await runtime.get(counter.add(1)), 2);
    const { state, actorId, tasks } = await stackOf(started, pid, PATIENT_MS);
    assert.deepEqual([state, tasks], ["RESPONSIVE", []]);
    assert.notEqual(actorId, null);
  });

  test("a worker that is not ready is asked nothing, one that ends while it is asked has ended", async () => {
    const sent: unknown[] = [];
    const probe = new StackProbe({
      clock: new FakeClock(),
      pid: () => 1,
      send: (message) => sent.push(message),
      signal: () => assert.fail("a signal would end it"),
    });
    assert.deepEqual(await probe.read(1_000), { kind: "STARTING" });
    assert.deepEqual(sent, []);
    probe.onReady();
    const asked = probe.read(1_000);
    probe.onEnd();
    assert.deepEqual(await asked, { kind: "ENDED" });
    assert.deepEqual(await probe.read(1_000), { kind: "ENDED" });
    assert.equal(sent.length, 1);
  });
});
