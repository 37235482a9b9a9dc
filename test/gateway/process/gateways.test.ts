// Several gateway processes on one port, in a real server: they share the work, die, hang and are replaced.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodeConfig } from "../../../controller/index.ts";
import { Gateways } from "../../../gateway/process/index.ts";
import { Server } from "../../../gateway/index.ts";
import { formatFaults } from "../../../runtime/base/config/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { childPids, isGone } from "../../runtime/core/support.ts";
import { moduleOf } from "../../controller/support.ts";
import { eventually } from "../../support/eventually.ts";

interface Settings {
  readonly port?: number;
  readonly deployments?: readonly object[];
  readonly longestSilenceMs?: number;
}

function configOf({ port = 0, deployments = [moduleOf("Echo", { num_replicas: 2 })] }: Settings): string {
  return JSON.stringify({
    applications: [{ name: "app", deployments: deployments.map((one) => ({ min_ready_s: 0, ...one })) }],
    http_options: { port, processes: 2 },
    admin_options: { port: 0 },
  });
}

async function serve({ longestSilenceMs, ...settings }: Settings = {}): Promise<Server> {
  const decoded = decodeConfig(configOf(settings), { file: "/shoal.json" });
  assert(decoded.kind === "ok", decoded.kind === "faults" ? formatFaults(decoded.faults) : "");
  const silence = longestSilenceMs === undefined ? {} : { longestSilenceMs };
  const server = await Server.start({
    config: decoded.value,
    log: silentLog,
    logLevel: "silent",
    ...silence,
  });
  await server.deployed;
  return server;
}

function pidsOf(server: Server): readonly number[] {
  assert(server.http instanceof Gateways);
  return server.http.pids;
}

/** A deployment that answers when a test says so. */
class Gate implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Gate> {
    return new Gate(await mkdtemp(join(tmpdir(), "shoal-test-")));
  }

  get deployment(): object {
    return moduleOf("Gated", { user_config: { gate: join(this.#folder, "gate") }, max_ongoing_requests: 64 });
  }

  async open(): Promise<void> {
    await writeFile(join(this.#folder, "gate"), "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

interface Answer {
  readonly status: number;
  readonly data: unknown;
  readonly error: string | undefined;
}

/** On a connection of its own, so that the system chooses the process. */
async function ask(server: Server, number: number, model = "echo"): Promise<Answer> {
  const inputs = [{ name: "x", datatype: "INT32", shape: [1, 1], data: [number] }];
  const response = await fetch(`${server.http.url}/v2/models/${model}/infer`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ inputs }),
  });
  const body = (await response.json()) as {
    readonly outputs?: readonly { readonly data: unknown }[];
    readonly error?: string;
  };
  return { status: response.status, data: body.outputs?.[0]?.data, error: body.error };
}

const NUMBERS = Array.from({ length: 40 }, (_, index) => index);

test("processes share a port, and each knows every route from its first request on", async () => {
  await using server = await serve();
  const pids = pidsOf(server);
  assert.equal(new Set(pids).size, 2);
  const answers = await Promise.all(NUMBERS.map((number) => ask(server, number)));
  assert.deepEqual(
    answers,
    NUMBERS.map((number) => ({ status: 200, data: [number], error: undefined })),
  );
  assert.equal((await ask(server, 1, "nothing")).status, 404);
});

test("each process answers for all of them what was counted, also by one that has ended", async () => {
  await using server = await serve();
  await Promise.all(NUMBERS.map((number) => ask(server, number)));
  const counted = async (): Promise<unknown[]> => {
    const answers = await Promise.all(
      NUMBERS.slice(0, 8).map(async () => {
        const url = `${server.http.url}/v2/models/echo/stats`;
        const response = await fetch(url, { headers: { connection: "close" } });
        const { model_stats: stats } = (await response.json()) as {
          readonly model_stats: readonly { readonly inference_count: number }[];
        };
        return stats[0]?.inference_count;
      }),
    );
    return [...new Set(answers)];
  };
  const isAll = async (): Promise<boolean> => {
    const counts = await counted();
    return counts.length === 1 && counts[0] === NUMBERS.length;
  };
  await eventually("one count", isAll);
  const [killed = 0] = pidsOf(server);
  process.kill(killed, "SIGKILL");
  await eventually("another process", () => pidsOf(server).length === 2 && !pidsOf(server).includes(killed));
  await eventually("the same count", isAll);
});

test("a process that is killed is replaced, and nobody else notices", async () => {
  await using server = await serve();
  const [killed = 0, other = 0] = pidsOf(server);
  process.kill(killed, "SIGKILL");
  await eventually("two processes again", () => {
    const pids = pidsOf(server);
    return pids.length === 2 && !pids.includes(killed);
  });
  assert(pidsOf(server).includes(other));
  const answers = await Promise.all(NUMBERS.map((number) => ask(server, number)));
  assert(answers.every(({ status }) => status === 200));
});

test("a killed process loses only its own open requests", async () => {
  await using gate = await Gate.make();
  await using server = await serve({ deployments: [gate.deployment] });
  const [killed = 0] = pidsOf(server);
  const answers = NUMBERS.map((number) => ask(server, number, "gated"));
  const load = () => server.controller.deployment("gated")?.open ?? 0;
  await eventually("all of them open", () => load() === NUMBERS.length);
  process.kill(killed, "SIGKILL");
  await gate.open();
  const outcomes = await Promise.allSettled(answers);
  const lost = outcomes.filter(({ status }) => status === "rejected").length;
  assert(lost < NUMBERS.length, "the other process answered what it had");
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled")
      assert.deepEqual(outcome.value, { status: 200, data: [index], error: undefined });
  }
});

test("a process that hangs is killed and replaced", async () => {
  await using server = await serve({ longestSilenceMs: 2_000 });
  const [hung = 0] = pidsOf(server);
  process.kill(hung, "SIGSTOP");
  await eventually("another one in its place", () => {
    const pids = pidsOf(server);
    return pids.length === 2 && !pids.includes(hung);
  });
  assert(isGone(hung));
});

test("a rollout fails no request, whichever process it came to", async () => {
  await using server = await serve({ deployments: [moduleOf("Echo", { version: "1" })] });
  const ended = new AbortController();
  const failed: string[] = [];
  let answered = 0;
  const asking = NUMBERS.slice(0, 4).map(async (number) => {
    while (!ended.signal.aborted) {
      const { status, error } = await ask(server, number);
      if (status === 200) answered++;
      else failed.push(`${status} ${error}`);
    }
  });
  const { controller } = server;
  const before = controller.deployment("echo")?.replicas.map(({ id }) => id);
  for (const version of ["2", "3"]) {
    // The path is another, so the replicas are.
    const decoded = decodeConfig(
      configOf({
        deployments: [moduleOf("Echo", { version, resources: { num_cpus: Number(version) / 10 } })],
      }),
      { file: "/shoal.json" },
    );
    assert(decoded.kind === "ok");
    controller.apply(decoded.value);
    await eventually("rolled out", () => {
      const deployment = controller.deployment("echo");
      return deployment?.status.state === "HEALTHY" && deployment.version === version;
    });
  }
  ended.abort();
  await Promise.all(asking);
  assert.notDeepEqual(
    controller.deployment("echo")?.replicas.map(({ id }) => id),
    before,
  );
  assert(answered > 0);
  assert.deepEqual(failed, []);
});

test("user code that takes one request at a time gets one at a time from all processes together", async () => {
  const alone = moduleOf("Alone", { max_ongoing_requests: 1 });
  await using server = await serve({ deployments: [alone] });
  const answers = await Promise.all(NUMBERS.map((number) => ask(server, number, "alone")));
  assert.deepEqual([...new Set(answers.map(({ status, error }) => error ?? status))], [200]);
});

test("draining answers what was admitted, in every process, and leaves none", async () => {
  await using gate = await Gate.make();
  await using server = await serve({ deployments: [gate.deployment] });
  const answers = NUMBERS.map((number) => ask(server, number, "gated"));
  const load = () => server.controller.deployment("gated")?.open ?? 0;
  await eventually("all of them open", () => load() === NUMBERS.length);
  const drained = server.drain();
  await gate.open();
  await drained;
  assert.deepEqual(
    await Promise.all(answers),
    NUMBERS.map((number) => ({ status: 200, data: [number], error: undefined })),
  );
  assert.deepEqual(childPids(), []);
});

test("a port that somebody has is refused, also one that would be shared by mistake", async () => {
  const other = createServer();
  await new Promise<void>(
    (resolve) => void other.listen({ host: "127.0.0.1", port: 0, reusePort: true }, resolve),
  );
  const address = other.address();
  assert(typeof address === "object" && address !== null);
  await assert.rejects(serve({ port: address.port }), {
    code: "INVALID_CONFIG",
    message: /Cannot listen on 127\.0\.0\.1:\d+ \(http_options\): the port is in use by another process/,
  });
  await new Promise((resolve) => other.close(resolve));
  assert.deepEqual(childPids(), []);
});

test("a replica whose results are bad is ejected by each process, and replaced", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
  try {
    const outlier_detection = { consecutive_failures: 2, base_ejection_s: 0.05, replace_after: 2 };
    const user_config = { marker: join(folder, "marker") };
    const resources = { num_cpus: 0.1 }; // room for the one that takes its place, also on a small machine
    const bad = moduleOf("FirstIsBad", { num_replicas: 2, resources, user_config, outlier_detection });
    await using server = await serve({ deployments: [bad] });
    const replicas = () => server.controller.deployment("firstisbad")?.replicas.map(({ id }) => id) ?? [];
    const before = replicas();
    await eventually("the bad one replaced", async () => {
      await Promise.all(NUMBERS.slice(0, 8).map((number) => ask(server, number, "firstisbad")));
      return before.some((id) => !replicas().includes(id));
    });
    const answers = await Promise.all(NUMBERS.map((number) => ask(server, number, "firstisbad")));
    assert(answers.every(({ status }) => status === 200));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
