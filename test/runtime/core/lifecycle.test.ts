// Creation, crashes, restarts and the end of real actor processes.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import { type InfoOf, ProcessActor, ResourceLedger } from "../../../runtime/core/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import type { Bare } from "./fixtures/bare.ts";
import type {
  BadInfo,
  FailingStop,
  Flaky,
  Graceful,
  NeverReady,
  Started,
  Stubborn,
} from "./fixtures/lifecycles.ts";
import type { Probe } from "./fixtures/probe.ts";
import { childPids, isGone, LIFECYCLES, PROBE, Recorder, startProbe, Transitions } from "./support.ts";

type ProbeTransitions = Transitions<InfoOf<typeof Probe>>;

describe("creation of an actor", { timeout: 600_000 }, () => {
  it("is done by the constructor, and ALIVE tells pid, incarnation and describe()", async () => {
    const transitions: ProbeTransitions = new Transitions();
    await using actor = await startProbe({ onTransition: transitions.add });
    const { state } = actor;
    assert(state.kind === "ALIVE");
    assert.deepEqual(state.info, { pid: state.pid, incarnation: 1 });
    assert.notEqual(state.pid, process.pid);
    assert.deepEqual(transitions.kinds, ["PENDING_CREATION → ALIVE"]);
  });

  it("is done by static start where there is one", async () => {
    await using actor = await ProcessActor.start<typeof Started>({
      name: "started",
      module: LIFECYCLES,
      exportName: "Started",
      args: ["world", { loud: true }],
    });
    assert.equal(await actor.call("greet"), "HELLO world");
    assert(actor.state.kind === "ALIVE");
    assert.equal(actor.state.info, undefined);
  });

  it("gives the process the environment and flags asked for, and none of the test runner's", async () => {
    await using actor = await startProbe({
      env: { FLAVOUR: "salt" },
      nodeFlags: ["--max-old-space-size=256"],
    });
    assert.deepEqual(await actor.call("environment"), {
      execArgv: ["--max-old-space-size=256"],
      testContext: undefined,
      flavour: "salt",
    });
  });

  it("rejects with what creation threw", async () => {
    const ledger = new ResourceLedger({ num_cpus: 1 });
    const start = (failures: number, how: "error" | "shoal-error" | "exit"): Promise<unknown> =>
      ProcessActor.start<typeof Flaky>({
        name: "flaky",
        module: LIFECYCLES,
        exportName: "Flaky",
        args: [failures, how],
        resources: { num_cpus: 1 },
        ledger,
      });
    await assert.rejects(start(1, "error"), (error) => {
      assert(error instanceof ShoalError);
      assert.deepEqual([error.code, error.message], ["CALL_FAILED", "not this time"]);
      assert.match(error.remoteStack ?? "", /lifecycles\.ts/);
      return true;
    });
    await assert.rejects(start(1, "shoal-error"), { code: "INVALID_CONFIG" });
    await assert.rejects(start(1, "exit"), {
      code: "ACTOR_DIED",
      message: /crashed in creation with exit code 3/,
    });
    assert.deepEqual(ledger.snapshot(), { num_cpus: { total: 1, free: 1 } });
    assert.deepEqual(childPids(), []);
  });

  it("rejects a module, an export, arguments or info that cannot be", async () => {
    const probe = { name: "bad", module: PROBE, exportName: "Probe", args: [] } as const;
    await assert.rejects(startProbe({ exportName: "Missing" }), { code: "NOT_FOUND" });
    await assert.rejects(startProbe({ module: new URL("./missing.ts", PROBE) }), { code: "CALL_FAILED" });
    await assert.rejects(startProbe({ args: [(() => 1) as unknown as number], maxRestarts: -1 }), {
      code: "INVALID_ARGUMENT",
    });
    await assert.rejects(startProbe({ nodeFlags: ["--no-such-flag"] }), {
      code: "ACTOR_DIED",
      message: /code 9/,
    });
    await assert.rejects(startProbe({ maxRestarts: -2 }), { code: "INVALID_ARGUMENT" });
    await assert.rejects(startProbe({ startTimeoutMs: Number.NaN }), { code: "INVALID_ARGUMENT" });
    await assert.rejects(
      ProcessActor.start<typeof BadInfo>({ ...probe, module: LIFECYCLES, exportName: "BadInfo" }),
      { code: "CALL_FAILED", message: /could not be cloned/ },
    );
    assert.deepEqual(childPids(), []);
  });

  it("is tried again within maxRestarts, unless a typed error says that it cannot help", async () => {
    const transitions = new Transitions<undefined>();
    const flaky = { name: "flaky", module: LIFECYCLES, exportName: "Flaky", maxRestarts: 2 } as const;
    const backoff = { initialMs: 0 };
    await using actor = await ProcessActor.start<typeof Flaky>({
      ...flaky,
      backoff,
      args: [2, "error"],
      onTransition: transitions.add,
    });
    assert.equal(await actor.call("ok"), true);
    assert.deepEqual([actor.state.incarnation, actor.state.restarts], [3, 2]);
    const never = new Transitions<undefined>();
    await assert.rejects(
      ProcessActor.start<typeof Flaky>({ ...flaky, args: [2, "shoal-error"], onTransition: never.add }),
      { code: "INVALID_CONFIG" },
    );
    assert.deepEqual(never.kinds, ["PENDING_CREATION → DEAD"]);
  });

  for (const how of ["waits", "blocks"] as const) {
    it(`ends at its deadline when it ${how} for ever`, async () => {
      const clock = new FakeClock();
      const output = new Recorder<string>();
      const start = ProcessActor.start<typeof NeverReady>({
        name: "never",
        module: LIFECYCLES,
        exportName: "NeverReady",
        args: [how],
        startTimeoutMs: 3_000,
        clock,
        onOutput: output.add,
      });
      const rejected = assert.rejects(start, {
        code: "DEADLINE_EXCEEDED",
        message: /not ready after 3000 ms/,
      });
      await output.until((line) => line === "creating");
      clock.advance(3_000);
      await rejected;
      assert.deepEqual(childPids(), []);
      assert.equal(clock.pending, 0);
    });
  }

  it("is cancelled by its signal", async () => {
    const output = new Recorder<string>();
    const abort = new AbortController();
    const start = ProcessActor.start<typeof NeverReady>(
      { name: "never", module: LIFECYCLES, exportName: "NeverReady", args: ["blocks"], onOutput: output.add },
      abort.signal,
    );
    const rejected = assert.rejects(start, { code: "CANCELLED" });
    await output.until((line) => line === "creating");
    abort.abort();
    await rejected;
    assert.deepEqual(childPids(), []);
  });
});

describe("crashes and restarts of an actor", { timeout: 600_000 }, () => {
  it("reports exit codes and signals, and fails the calls that ran", async () => {
    const cases: [(actor: ProcessActor<typeof Probe>) => Promise<unknown>, number | null, string | null][] = [
      [(actor) => actor.call("exit", [7]), 7, null],
      [(actor) => actor.call("exit", [0]), 0, null],
      [(actor) => actor.call("throwUncaught"), 1, null],
      [(actor) => signalDuringCall(actor, "SIGKILL"), null, "SIGKILL"],
      [(actor) => signalDuringCall(actor, "SIGSEGV"), null, "SIGSEGV"],
    ];
    for (const [crash, exitCode, signal] of cases) {
      const actor = await startProbe();
      await assert.rejects(crash(actor), { code: "ACTOR_DIED" });
      assert.deepEqual(await actor.exited, { kind: "CRASHED", during: "service", exitCode, signal });
      await assert.rejects(actor.call("add", [1]), { code: "ACTOR_DIED" });
    }
    assert.deepEqual(childPids(), []);
  });

  it("does not wait for what the process left behind", async () => {
    const actor = await startProbe();
    const holder = await actor.call("spawnHolder");
    assert(holder !== undefined);
    try {
      await assert.rejects(actor.call("exit", [2]), { code: "ACTOR_DIED" });
      assert.deepEqual(await actor.exited, { kind: "CRASHED", during: "service", exitCode: 2, signal: null });
      assert(!isGone(holder));
    } finally {
      process.kill(holder, "SIGKILL");
    }
  });

  it("ends a process that closed its channel", async () => {
    const clock = new FakeClock();
    const transitions: ProbeTransitions = new Transitions();
    const actor = await startProbe({ clock, onTransition: transitions.add });
    const call = assert.rejects(actor.call("disconnect"), { code: "ACTOR_DIED" });
    const { kind } = await actor.exited;
    assert.equal(kind, "CRASHED");
    await call;
  });

  it("restarts with growing pauses, refuses calls meanwhile, and gives up after maxRestarts", async () => {
    const clock = new FakeClock();
    const transitions: ProbeTransitions = new Transitions();
    const ledger = new ResourceLedger({ num_cpus: 2 });
    const actor = await startProbe({
      clock,
      ledger,
      resources: { num_cpus: 1.5 },
      args: [5],
      maxRestarts: 3,
      backoff: { initialMs: 100, factor: 3, maxMs: 250 },
      onTransition: transitions.add,
    });
    assert.equal(await actor.call("add", [1]), 6);
    for (const [index, delayMs] of [100, 250, 250].entries()) {
      const incarnation = index + 2;
      await assert.rejects(actor.call("exit", [9]), { code: "ACTOR_UNAVAILABLE", retryAfterMs: delayMs });
      await assert.rejects(actor.call("add", [1]), { code: "ACTOR_UNAVAILABLE" });
      assert(actor.state.kind === "RESTARTING" && actor.state.step === "WAITING");
      assert.deepEqual(actor.state.cause, { kind: "CRASHED", during: "service", exitCode: 9, signal: null });
      clock.advance(delayMs - 1);
      assert.equal(actor.state.step, "WAITING");
      clock.advance(1);
      await assert.rejects(actor.call("add", [1]), { code: "ACTOR_UNAVAILABLE" });
      await transitions.reached("ALIVE", (state) => state.incarnation === incarnation);
      assert.equal(
        await actor.call("add", [1]),
        6,
        "a new instance has the arguments of creation, not the state",
      );
      assert.deepEqual(ledger.snapshot(), { num_cpus: { total: 2, free: 0.5 } });
    }
    await assert.rejects(actor.call("exit", [9]), { code: "ACTOR_DIED" });
    assert.equal((await actor.exited).kind, "CRASHED");
    assert.match(transitions.seen.at(-1)?.reason ?? "", /3 of 3 restarts used/);
    assert.deepEqual(ledger.snapshot(), { num_cpus: { total: 2, free: 2 } });
    assert.equal(clock.pending, 0);
  });

  it("starts from the first pause again after a stable time", async () => {
    const clock = new FakeClock();
    const transitions: ProbeTransitions = new Transitions();
    await using actor = await startProbe({ clock, maxRestarts: -1, onTransition: transitions.add });
    const delays: number[] = [];
    for (const [index, aliveMs] of [0, 0, 60_000, 0].entries()) {
      clock.advance(aliveMs);
      await assert.rejects(actor.call("exit", [1]), { code: "ACTOR_UNAVAILABLE" });
      assert(actor.state.kind === "RESTARTING");
      delays.push(actor.state.delayMs);
      clock.advance(actor.state.delayMs);
      await transitions.reached("ALIVE", (state) => state.incarnation === index + 2);
    }
    assert.deepEqual(delays, [100, 200, 100, 200]);
  });

  it("can be stopped and killed in every state", async () => {
    for (const end of ["stop", "kill"] as const) {
      const clock = new FakeClock();
      const transitions: ProbeTransitions = new Transitions();
      const actor = await startProbe({ clock, maxRestarts: -1, onTransition: transitions.add });
      await assert.rejects(actor.call("exit", [1]), { code: "ACTOR_UNAVAILABLE" });
      assert.equal((await actor[end]()).kind, end === "stop" ? "INTENDED" : "KILLED");
      assert.deepEqual(transitions.kinds, [
        "PENDING_CREATION → ALIVE",
        "ALIVE → RESTARTING",
        "RESTARTING → DEAD",
      ]);
      assert.equal(clock.pending, 0);

      const recreated: ProbeTransitions = new Transitions();
      const second = await startProbe({ clock, maxRestarts: -1, onTransition: recreated.add });
      await assert.rejects(second.call("exit", [1]), { code: "ACTOR_UNAVAILABLE" });
      clock.advance(100);
      assert(second.state.kind === "RESTARTING" && second.state.step === "CREATING");
      assert.equal((await second[end]()).kind, end === "stop" ? "INTENDED" : "KILLED");
      assert.equal(clock.pending, 0);
    }
    assert.deepEqual(childPids(), []);
  });
});

describe("the end of an actor", { timeout: 600_000 }, () => {
  it("lets stop() of the instance and the running calls finish", async () => {
    const output = new Recorder<string>();
    const actor = await ProcessActor.start<typeof Graceful>({
      name: "graceful",
      module: LIFECYCLES,
      exportName: "Graceful",
      args: [],
      onOutput: output.add,
    });
    const work = actor.call("work");
    const stop = actor.stop();
    assert.equal(actor.stop(), stop);
    await assert.rejects(actor.call("work"), { code: "ACTOR_DIED" });
    assert.equal(await work, "finished");
    assert.deepEqual(await stop, { kind: "INTENDED", exitCode: 0, signal: null });
    assert.deepEqual(output.seen, ["stopping"]);
    assert.equal(actor.stop(), stop);
    assert.equal(actor.kill(), stop);
  });

  it("goes on when stop() of the instance throws, and ends calls that do not finish", async () => {
    const clock = new FakeClock();
    const actor = await ProcessActor.start<typeof FailingStop>({
      name: "failing",
      module: LIFECYCLES,
      exportName: "FailingStop",
      args: [],
      clock,
    });
    const call = assert.rejects(actor.call("never"), { code: "ACTOR_DIED" });
    const stop = actor.stop({ graceMs: 700 });
    clock.advance(700);
    assert.deepEqual(await stop, { kind: "INTENDED", exitCode: null, signal: "SIGTERM" });
    await call;
    assert.equal(clock.pending, 0);
  });

  it("escalates from stop() to SIGTERM to SIGKILL", async () => {
    const clock = new FakeClock();
    const output = new Recorder<string>();
    const transitions = new Transitions<undefined>();
    const actor = await ProcessActor.start<typeof Stubborn>({
      name: "stubborn",
      module: LIFECYCLES,
      exportName: "Stubborn",
      args: [],
      stopGraceMs: 1_000,
      termGraceMs: 500,
      clock,
      onOutput: output.add,
      onTransition: transitions.add,
    });
    const stop = actor.stop();
    clock.advance(1_000);
    await output.until((line) => line === "ignoring SIGTERM");
    clock.advance(500);
    assert.deepEqual(await stop, { kind: "INTENDED", exitCode: null, signal: "SIGKILL" });
    const steps = transitions.seen.map(({ to }) => (to.kind === "STOPPING" ? to.step : to.kind));
    assert.deepEqual(steps, ["ALIVE", "ASKED", "SIGTERM", "SIGKILL", "DEAD"]);
    assert.equal(clock.pending, 0);
  });

  it("ends a process that is stopped by SIGSTOP", { skip: process.platform === "win32" }, async () => {
    const clock = new FakeClock();
    const actor = await startProbe({ clock });
    assert(actor.state.kind === "ALIVE");
    process.kill(actor.state.pid, "SIGSTOP");
    const stop = actor.stop();
    clock.advance(10_000);
    assert.deepEqual(await stop, { kind: "INTENDED", exitCode: null, signal: "SIGKILL" });
  });

  it("is KILLED by kill(), also while stopping, and never restarted", async () => {
    const actor = await startProbe({ maxRestarts: -1 });
    const call = assert.rejects(actor.call("never"), { code: "ACTOR_DIED" });
    const stop = actor.stop();
    assert.deepEqual(await actor.kill(), { kind: "KILLED" });
    assert.deepEqual(await stop, { kind: "KILLED" });
    await call;
  });

  for (const [signal, sender] of [
    ["SIGINT", "a terminal"],
    ["SIGTERM", "a supervisor"],
  ] as const) {
    it(`ignores ${signal}, which ${sender} sends to parent and child alike`, async () => {
      const actor = await startProbe();
      assert(actor.state.kind === "ALIVE");
      for (let time = 0; time < 5; time++) {
        process.kill(actor.state.pid, signal);
        assert.equal(await actor.call("add", [1]), time + 1);
      }
      assert.deepEqual(await actor.stop(), { kind: "INTENDED", exitCode: 0, signal: null });
    });
  }

  it("leaves no process and a full ledger, a hundred times", async () => {
    const ledger = new ResourceLedger({ num_cpus: 4, memory: 1_000 });
    const full = ledger.snapshot();
    const pids: number[] = [];
    const cycle = async (index: number): Promise<void> => {
      const actor = await ProcessActor.start<typeof Bare>({
        name: `cycle-${index}`,
        module: new URL("./fixtures/bare.ts", import.meta.url),
        exportName: "Bare",
        args: [],
        ledger,
        resources: { num_cpus: 1, memory: 10 },
      });
      if (actor.state.kind === "ALIVE") pids.push(actor.state.pid);
      await (index % 5 === 0 ? actor.kill() : actor.stop({ graceMs: 60_000 }));
    };
    for (let round = 0; round < 25; round++) {
      await Promise.all([0, 1, 2, 3].map((lane) => cycle(round * 4 + lane)));
    }
    assert.equal(pids.length, 100);
    assert(pids.every(isGone));
    assert.deepEqual(childPids(), []);
    assert.deepEqual(ledger.snapshot(), full);
  });
});

describe("the resources of an actor", { timeout: 600_000 }, () => {
  it("are refused when short, now or for ever, before any process starts", async () => {
    const ledger = new ResourceLedger({ num_cpus: 2 });
    await using first = await startProbe({ ledger, resources: { num_cpus: 1.5 } });
    assert.equal(first.state.kind, "ALIVE");
    const second = startProbe({ ledger, resources: { num_cpus: 1 } });
    await assert.rejects(second, {
      code: "RESOURCES_UNAVAILABLE",
      message: /needs 1 num_cpus, 0.5 free of 2/,
    });
    await assert.rejects(startProbe({ ledger, resources: { num_cpus: 3 } }), { code: "INVALID_ARGUMENT" });
    await assert.rejects(startProbe({ resources: { num_cpus: 1 } }), { code: "INVALID_ARGUMENT" });
    assert.equal(childPids().length, 1);
  });

  it("are free again when DEAD is told", async () => {
    const ledger = new ResourceLedger({ num_cpus: 1 });
    let free: number | undefined;
    const actor = await startProbe({
      ledger,
      resources: { num_cpus: 1 },
      onTransition: ({ to }) => {
        if (to.kind === "DEAD") free = ledger.snapshot()["num_cpus"]?.free;
      },
    });
    assert(actor.state.kind === "ALIVE");
    process.kill(actor.state.pid, "SIGKILL");
    await actor.exited;
    assert.equal(free, 1);
  });
});

/** Sends a signal while a call runs there. */
async function signalDuringCall(actor: ProcessActor<typeof Probe>, signal: NodeJS.Signals): Promise<unknown> {
  const call = actor.call("never");
  await actor.call("add", [1]);
  if (actor.state.kind === "ALIVE") process.kill(actor.state.pid, signal);
  return await call;
}
