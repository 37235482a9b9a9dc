// The controller with real replicas: they start, die, hang and end.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import type { Tensor } from "../../runtime/base/index.ts";
import { childPids, isGone } from "../runtime/core/support.ts";
import { eventually } from "../support/eventually.ts";
import { moduleOf, Rig } from "./support.ts";

/** Health checks that find a hung replica at once. */
const WATCHFUL = { health_check_period_s: 0.05, health_check_timeout_s: 0.2 };

function socketFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`shoal-${process.pid}-`));
}

// Whatever a test did, draining left nothing.
afterEach(() => {
  assert.deepEqual([childPids(), socketFolders()], [[], []]);
});

describe("deployments", { timeout: 120_000 }, () => {
  it("become ready, are known by name and route, and answer", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net", { num_replicas: 2 }));
    const net = rig.deployment("net");
    assert.deepEqual([net.status.state, net.status.message], ["HEALTHY", ""]);
    assert.deepEqual(
      [net.ready, net.info?.signature.batchable, net.info?.takes],
      [true, true, { infer: true, fetch: false }],
    );
    assert.notEqual(rig.pidOf("net", 0), rig.pidOf("net", 1));
    assert.equal(rig.routed.route("/")?.ingress, rig.served("net"));
    assert.deepEqual(await rig.ask("net", [1, 2, 3]), [1, 2, 3]);
    assert.deepEqual((await rig.controller.resources())["num_cpus"], { total: 8, free: 6 });
  });

  it("whose model has no batch axis answer each request by itself", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.fixedModel("net"));
    const answers = await Promise.all([1, 2, 3, 4].map((number) => rig.ask("net", [number])));
    assert.deepEqual(answers, [[1], [2], [3], [4]]);
    const { executionCount, fail } = rig.served("net").dispatcher.stats;
    assert.deepEqual([executionCount, fail.count], [4, 0]);
  });

  it("that fail are named with their model, and touch nobody else", async () => {
    await using rig = await Rig.make();
    const corrupt = join(rig.folder, "corrupt.onnx");
    await writeFile(corrupt, "no model");
    await rig.serve(
      { name: "missing", model: join(rig.folder, "missing.onnx") },
      { name: "corrupt", model: corrupt },
      moduleOf("ThrowsAtStart"),
      moduleOf("NoSuchClass"),
      await rig.model("net"),
    );
    for (const [name, message] of [
      ["missing", /missing\.onnx/],
      ["corrupt", /corrupt\.onnx/],
      ["throwsatstart", /no weights here/],
      ["nosuchclass", /NoSuchClass/],
    ] as const) {
      const { status, dispatcher } = rig.served(name);
      assert.equal(status.state, "DEPLOY_FAILED");
      assert.match(status.message, message);
      assert.match(status.message, new RegExp(`"${name}"`));
      const refusal = dispatcher.refusal();
      assert.equal(refusal?.code, "DEPLOY_FAILED");
      assert(!refusal.message.includes(rig.folder));
    }
    assert.equal(rig.deployment("net").status.state, "HEALTHY");
    assert.deepEqual(await rig.ask("net", [5]), [5]);
    assert.deepEqual((await rig.controller.resources())["num_cpus"], { total: 8, free: 7 });
  });

  it("are given up when a replica ends at each start", async () => {
    await using rig = await Rig.make();
    await rig.serve(moduleOf("ExitsAtStart", { max_constructor_retry_count: 1 }));
    const { status } = rig.deployment("exitsatstart");
    assert.equal(status.state, "DEPLOY_FAILED");
    assert.match(status.message, /exit code 7; 2 failures/);
  });

  it("have failed when a replica cannot be started again, and nobody waits for the tries that follow", async () => {
    await using rig = await Rig.make();
    const marker = join(rig.folder, "started");
    await rig.serve(moduleOf("StartsOnce", { max_constructor_retry_count: 1, user_config: { marker } }));
    process.kill(rig.pidOf("startsonce"), "SIGKILL");
    await rig.reached(
      "startsonce",
      "DEPLOY_FAILED",
      /0 of 1 replicas run; replica "startsonce#\d" failed to start/,
    );
    assert(rig.statuses.includes("startsonce UNHEALTHY"));
    await assert.rejects(async () => rig.submit("startsonce", [1]), { code: "DEPLOY_FAILED" });
    await eventually(
      "the resources given back",
      async () => (await rig.controller.resources())["num_cpus"]?.free === 8,
    );
  });
});

describe("resources", { timeout: 120_000 }, () => {
  it("that are short are waited for, and the deployment starts when they are free", async () => {
    await using rig = await Rig.make({ cpus: 2 });
    const first = await rig.model("first", { resources: { num_cpus: 2 } });
    const { deployed } = await rig.begin(first, await rig.model("second"));
    await deployed;
    const { state, message } = rig.deployment("second").status;
    assert.equal(state, "UPDATING");
    assert.match(message, /a replica of "second" needs 1 num_cpus, 0 free of 2/);
    await rig.deployment("first").drain();
    await rig.reached("second", "HEALTHY");
    assert.deepEqual(await rig.ask("second", [1]), [1]);
  });

  it("that the machine has not fail the deployment at once", async () => {
    await using rig = await Rig.make({ cpus: 2 });
    await rig.serve(await rig.model("net", { resources: { num_cpus: 4 } }));
    const { state, message } = rig.deployment("net").status;
    assert.equal(state, "DEPLOY_FAILED");
    assert.match(message, /needs 4 num_cpus, 2 free of 2/);
  });
});

describe("a replica that is killed", { timeout: 120_000 }, () => {
  it("loses no request of a model: the one in its place answers them", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net"));
    const pid = rig.pidOf("net");
    process.kill(pid, "SIGSTOP");
    const answers = [1, 2, 3, 4, 5, 6].map((number) => rig.ask("net", [number]));
    await rig.underWay("net");
    process.kill(pid, "SIGKILL");
    assert.deepEqual(await Promise.all(answers), [[1], [2], [3], [4], [5], [6]]);
    assert.deepEqual(rig.statuses, ["net HEALTHY", "net UNHEALTHY", "net HEALTHY"]);
    assert.notEqual(rig.pidOf("net"), pid);
    assert.equal(rig.served("net").dispatcher.stats.fail.count, 0);
  });

  it("loses no request of a model: the other one answers them", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net", { num_replicas: 2 }));
    const pid = rig.pidOf("net", 0);
    process.kill(pid, "SIGSTOP");
    const answers = [1, 2, 3, 4].map((number) => rig.ask("net", [number]));
    await rig.underWay("net", 0);
    process.kill(pid, "SIGKILL");
    assert.deepEqual(await Promise.all(answers), [[1], [2], [3], [4]]);
  });

  it("loses no byte of large requests that were on their way", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net"));
    const pid = rig.pidOf("net");
    process.kill(pid, "SIGSTOP");
    const inputs = [1, 2, 3].map((fill): Tensor => {
      const bytes = new Uint8Array(2 ** 21).fill(fill);
      return { name: "x", datatype: "INT32", shape: [1, 2 ** 19], bytes };
    });
    const answers = inputs.map((input) => rig.send("net", input));
    await rig.underWay("net");
    process.kill(pid, "SIGKILL");
    for (const [index, { outputs }] of (await Promise.all(answers)).entries()) {
      assert(Buffer.from(outputs[0]?.bytes ?? []).equals(inputs[index]?.bytes ?? new Uint8Array()));
    }
  });

  it("fails typed what a module may have run, and what it had not got is answered", async () => {
    await using rig = await Rig.make();
    await rig.serve(moduleOf("Echo", { max_ongoing_requests: 2 }));
    const pid = rig.pidOf("echo");
    process.kill(pid, "SIGSTOP");
    const sent = [rig.ask("echo", [1]), rig.ask("echo", [2])];
    const queued = [rig.ask("echo", [3]), rig.ask("echo", [4])];
    await rig.underWay("echo");
    await eventually("both sent", () => rig.served("echo").dispatcher.queued === 2);
    process.kill(pid, "SIGKILL");
    for (const answer of sent) await assert.rejects(answer, { code: "REPLICA_DIED" });
    assert.deepEqual(await Promise.all(queued), [[3], [4]]);
  });

  it("loses no request of a module that is idempotent", async () => {
    await using rig = await Rig.make();
    await rig.serve(moduleOf("Echo", { idempotent: true }));
    const pid = rig.pidOf("echo");
    process.kill(pid, "SIGSTOP");
    const answers = [1, 2, 3].map((number) => rig.ask("echo", [number]));
    await rig.underWay("echo");
    process.kill(pid, "SIGKILL");
    assert.deepEqual(await Promise.all(answers), [[1], [2], [3]]);
  });

  it("by one request fails that one alone", async () => {
    await using rig = await Rig.make();
    await rig.serve(
      moduleOf("Mortal", { idempotent: true, max_ongoing_requests: 8, batching: { max_batch_size: 4 } }),
    );
    const numbers = [1, 2, 13, 4, 5, 6];
    const outcomes = await Promise.allSettled(numbers.map((number) => rig.ask("mortal", [number])));
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.code)),
      [[1], [2], "REPLICA_DIED", [4], [5], [6]],
    );
    await rig.reached("mortal", "HEALTHY");
  });
});

describe("the health check", { timeout: 120_000 }, () => {
  it("replaces a replica that hangs, and its requests settle", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net", { ...WATCHFUL, request_timeout_s: 0.3 }));
    const pid = rig.pidOf("net");
    process.kill(pid, "SIGSTOP");
    await assert.rejects(rig.submit("net", [1], 300), { code: "DEADLINE_EXCEEDED" });
    await rig.replaced("net", pid);
    assert(isGone(pid));
    assert.deepEqual(await rig.ask("net", [2]), [2]);
  });

  it("replaces a replica that hangs without a request", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net", WATCHFUL));
    const pid = rig.pidOf("net");
    process.kill(pid, "SIGSTOP");
    await rig.replaced("net", pid);
  });

  it("replaces one that was stopped in the midst of a batch, long before its requests are late", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net", { ...WATCHFUL, num_replicas: 2 }));
    const pid = rig.pidOf("net", 0);
    process.kill(pid, "SIGSTOP");
    const answers = [1, 2, 3, 4].map((number) => rig.ask("net", [number]));
    await rig.underWay("net", 0);
    assert.deepEqual(await Promise.all(answers), [[1], [2], [3], [4]]);
    await rig.replaced("net", pid);
    await eventually("it is killed", () => isGone(pid));
  });

  it("replaces one that outgrows its memory, which serves until another does", async () => {
    await using rig = await Rig.make();
    await rig.serve(moduleOf("Leaking", { resources: { num_cpus: 0.1, memory: "300MiB" }, min_ready_s: 0 }));
    const pid = rig.pidOf("leaking");
    assert.deepEqual(await rig.ask("leaking", [1]), [1]);
    await eventually("it is said", () =>
      /is replaced: it uses \d+ MiB/.test(rig.deployment("leaking").status.message),
    );
    await rig.replaced("leaking", pid);
    assert.deepEqual(await rig.ask("leaking", [2]), [2]);
  });

  it("leaves alone one that is busy, however long its batch takes", async () => {
    await using rig = await Rig.make();
    // Many times longer than three checks may take.
    await rig.serve(moduleOf("Blocking", { ...WATCHFUL, user_config: { ms: 2_000 } }));
    const pid = rig.pidOf("blocking");
    assert.deepEqual(await rig.ask("blocking", [1]), [1]);
    assert.equal(rig.pidOf("blocking"), pid);
  });

  it("leaves alone one whose caller gave up before its batch was done", async () => {
    await using rig = await Rig.make();
    await rig.serve(
      await rig.model("calm"),
      moduleOf("Blocking", { ...WATCHFUL, user_config: { ms: 2_000 } }),
    );
    const pid = rig.pidOf("blocking");
    await assert.rejects(rig.submit("blocking", [1], 50), { code: "DEADLINE_EXCEEDED" });
    assert.deepEqual(await rig.ask("blocking", [2]), [2]);
    assert.equal(rig.pidOf("blocking"), pid);
  });

  it("replaces one that says that it is not well", async () => {
    await using rig = await Rig.make();
    await rig.serve(moduleOf("Sickly", WATCHFUL));
    const pid = rig.pidOf("sickly");
    await rig.ask("sickly", [13]);
    await rig.replaced("sickly", pid);
    assert.deepEqual(await rig.ask("sickly", [1]), [1]);
  });
});

describe("draining the controller", { timeout: 120_000 }, () => {
  it("answers everything that was admitted, refuses the rest, and leaves nothing", async () => {
    await using rig = await Rig.make();
    const slow = { user_config: { ms: 30 }, max_ongoing_requests: 2, num_replicas: 2 };
    await rig.serve(moduleOf("Slow", slow), await rig.model("net"));
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const answers = numbers.map((number) => rig.ask("slow", [number]));
    const drained = rig.controller.drain();
    assert.equal(rig.controller.drain(), drained);
    await assert.rejects(async () => rig.submit("slow", [1]), { code: "DRAINING" });
    assert.deepEqual(
      await Promise.all(answers),
      numbers.map((number) => [number]),
    );
    await drained;
    assert.deepEqual(childPids(), []);
    assert.deepEqual(
      rig.controller.deployments().map(({ replicas }) => replicas.length),
      [0, 0],
    );
    assert.deepEqual((await rig.controller.resources())["num_cpus"], { total: 8, free: 8 });
  });

  it("fails typed what is not answered within its grace", async () => {
    await using rig = await Rig.make();
    await rig.serve(moduleOf("NeverAnswers", { graceful_shutdown_timeout_s: 0.1 }));
    const answer = rig.submit("neveranswers", [1]);
    await rig.underWay("neveranswers");
    await rig.controller.drain();
    await assert.rejects(answer, { code: "DRAINING" });
  });

  it("still answers when a replica dies meanwhile", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net"));
    const pid = rig.pidOf("net");
    process.kill(pid, "SIGSTOP");
    const answer = rig.ask("net", [1]);
    await rig.underWay("net");
    const drained = rig.controller.drain();
    process.kill(pid, "SIGKILL");
    assert.deepEqual(await answer, [1]);
    await drained;
  });

  for (const blocks of [false, true]) {
    it(`does not wait for a start that ${blocks ? "blocks" : "takes long"}`, async () => {
      await using rig = await Rig.make();
      const { deployed } = await rig.begin(
        moduleOf("NeverReady", { user_config: { blocks } }),
        await rig.model("net"),
      );
      await rig.reached("net", "HEALTHY");
      await rig.controller.drain();
      await deployed;
      assert.deepEqual(childPids(), []);
    });
  }

  it("ends what has hardly begun to start", async () => {
    await using rig = await Rig.make();
    const { deployed } = await rig.begin(await rig.model("net", { num_replicas: 3 }));
    await rig.controller.drain();
    await deployed;
    assert.deepEqual(childPids(), []);
  });

  it("ends a wait for resources", async () => {
    await using rig = await Rig.make({ cpus: 1 });
    await rig.serve(await rig.model("first"), await rig.model("second"));
    await rig.controller.drain();
    assert.deepEqual(
      rig.controller.deployments().map(({ replicas }) => replicas.length),
      [0, 0],
    );
  });

  it("ends a replica that is being started again", async () => {
    await using rig = await Rig.make();
    await rig.serve(await rig.model("net"));
    process.kill(rig.pidOf("net"), "SIGKILL");
    await rig.reached("net", "UNHEALTHY");
    await rig.controller.drain();
    assert.deepEqual(childPids(), []);
  });
});
