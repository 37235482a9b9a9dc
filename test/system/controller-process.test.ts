// `serve run` with several gateway processes: the controller is a process of its own, which is killed at the worst moments.
// Under load: `loadtests/chaos/scenarios/controller-restarts.ts`.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { listenersOn } from "../../loadtests/chaos/process-table.ts";
import type { ServeStatusView } from "../../gateway/index.ts";
import { configOf, MODEL, TestFolder } from "../cli/support.ts";
import { isGone } from "../runtime/core/support.ts";
import { shoal } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { type Served, start } from "../support/serve.ts";

/** User code that answers once a file is there. */
const HELD = `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export class Held {
  start({ userConfig }) { this.file = userConfig.file; }
  async fetch() {
    console.log("a request has come");
    while (!existsSync(this.file)) await sleep(5);
    return new Response("answered");
  }
}
`;

class Rig implements AsyncDisposable {
  readonly folder: TestFolder;
  readonly #config: string;

  private constructor(folder: TestFolder, config: string) {
    this.folder = folder;
    this.#config = config;
  }

  static async make(): Promise<Rig> {
    const folder = await TestFolder.make();
    const module = await folder.write("held.js", HELD);
    const settings = `user_config: { file: ${join(folder.path, "go")} }, resources: { num_cpus: 0.1 }`;
    const held = `{ name: held, module: ${module}, ${settings}, max_ongoing_requests: 4 }`;
    const config = configOf("  - name: held", "    route_prefix: /held", `    deployments: [${held}]`);
    return new Rig(folder, `${config}\nhttp_options: { processes: 2 }\n`);
  }

  start(): Promise<Served> {
    return start(this.#config, { env: { TMPDIR: this.folder.path } });
  }

  /** Lets user code answer. */
  async release(): Promise<void> {
    await writeFile(join(this.folder.path, "go"), "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

async function statusOf(server: Served): Promise<ServeStatusView> {
  const { stdout, stderr } = await shoal(["serve", "status", "--json"], { SHOAL_STATE_DIR: server.stateDir });
  assert(stdout !== "", stderr);
  return JSON.parse(stdout) as ServeStatusView;
}

function replicaPids({ applications }: ServeStatusView): number[] {
  return Object.values(applications).flatMap(({ deployments }) =>
    Object.values(deployments).flatMap(({ replicas }) => replicas.flatMap(({ pid }) => pid ?? [])),
  );
}

/** Kills the controller; the next command waits for the one in its place. */
async function killController(server: Served): Promise<number> {
  const { controller } = await statusOf(server);
  assert(controller !== undefined);
  process.kill(controller.pid, "SIGKILL");
  return controller.pid;
}

/** A request that user code holds. */
async function held(server: Served): Promise<Promise<string>[]> {
  const answer = fetch(`${server.url}/held/`).then(
    async (response) => `${response.status} ${await response.text()}`,
  );
  answer.catch(() => undefined);
  await server.printed(/a request has come/);
  return [answer];
}

function admin(server: Served, method: string, path = "applications/"): Promise<Response> {
  const headers = { authorization: `Bearer ${server.adminToken}` };
  return fetch(`${server.adminUrl}/api/serve/${path}`, { method, headers });
}

describe("a controller that is killed", { timeout: 120_000 }, () => {
  it("is followed by another at the same port, of which status and the console tell", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const before = await statusOf(server);
    assert.deepEqual([before.pid, before.controller?.restarts], [server.pid, 0]);
    const [answer] = await held(server);
    const killed = await killController(server);
    const { stdout } = await shoal(["serve", "status"], { SHOAL_STATE_DIR: server.stateDir });
    assert.match(stdout, /\(process \d+; controller \d+, restarted once\)/);
    const after = await statusOf(server);
    assert.notEqual(after.controller?.pid, killed);
    assert.deepEqual(new Set(replicaPids(after)), new Set(replicaPids(before)));
    await server.printed(/the controller ended, another takes its place: .*SIGKILL/);
    await rig.release();
    assert.equal(await answer, "200 answered");
    assert.equal((await admin(server, "POST", "shutdown")).status, 200);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    for (const pid of [after.controller?.pid ?? 0, ...replicaPids(after)]) assert(isGone(pid));
    assert.deepEqual(
      readdirSync(rig.folder.path).filter((name) => /^shoal-\d/.test(name)),
      [],
    );
  });

  it("while a deleted application still answers what was admitted costs none of its requests", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const [answer] = await held(server);
    assert.equal((await admin(server, "DELETE")).status, 200);
    await killController(server);
    assert.deepEqual((await statusOf(server)).applications, {});
    assert.equal((await fetch(`${server.url}/held/`)).status, 404);
    await rig.release();
    assert.equal(await answer, "200 answered");
    await server.printed(/"held#0".*STOPPING/);
  });

  it("while the server drains costs none of the requests that were admitted", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const [answer] = await held(server);
    const { controller } = await statusOf(server);
    const exited = server.stop();
    await server.printed(/Draining/);
    process.kill(controller?.pid ?? 0, "SIGKILL");
    await server.printed(/another takes its place/);
    await rig.release();
    assert.equal(await answer, "200 answered");
    assert.deepEqual(await exited, { code: 0, signal: null });
  });

  it("and cannot have its port again is started until it can; requests do not notice", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    await rig.release();
    const other = createServer((socket) => socket.destroy());
    const { port, hostname } = new URL(server.adminUrl);
    const taken = async (): Promise<boolean> => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      other.once("error", () => resolve(false)).listen(Number(port), hostname, () => resolve(true));
      return await promise;
    };
    await eventually("somebody else is faster", async () => {
      const pid = await killController(server);
      await eventually("its end", () => isGone(pid));
      return await taken();
    });
    await server.printed(/Cannot listen on .* the port is in use by another process/);
    assert.equal(await (await fetch(`${server.url}/held/`)).text(), "answered");
    await new Promise((resolve) => other.close(resolve));
    await eventually("the listener", () =>
      admin(server, "GET").then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    assert.equal((await statusOf(server)).controller?.restarts !== 0, true);
  });

  it("in the middle of a canary is followed by one that goes on with it", async () => {
    const terms =
      "steps: [20, 50], interval_s: 1, min_requests: 20, max_error_rate: 0.05, max_latency_ratio: 1000";
    const versions = (...all: string[]): string =>
      [
        "applications:",
        "  - name: net",
        "    deployments:",
        ...[1, 2].map(
          (n) => `      - { name: v${n}, model: ${MODEL}, version: "${n}", resources: { num_cpus: 0.1 } }`,
        ),
        `    traffic: { model: net, versions: [${all.join(", ")}] }`,
        "http_options: { processes: 2 }",
        "",
      ].join("\n");
    await using server = await start(
      versions("{ deployment: v1, weight: 100 }", `{ deployment: v2, canary: { ${terms} } }`),
    );
    const traffic = async () => {
      const answer = await admin(server, "GET").catch(() => undefined); // it is away for a moment
      const status = (await answer?.json()) as ServeStatusView | undefined;
      return status?.applications["net"]?.traffic;
    };
    const failed: number[] = [];
    const over = new AbortController();
    const inputs = [{ name: "x", datatype: "INT32", shape: [1, 1], data: [7] }];
    const asking = [1, 2, 3, 4].map(async () => {
      while (!over.signal.aborted) {
        const body = JSON.stringify({ inputs });
        const { status } = await fetch(`${server.url}/v2/models/net/infer`, { method: "POST", body });
        if (status !== 200) failed.push(status);
      }
    });
    await eventually("its first step", async () => ((await traffic())?.canary?.percent ?? 0) >= 20);
    await killController(server);
    await eventually("its end", async () => (await traffic())?.canary?.status === "PROMOTED");
    over.abort();
    await Promise.all(asking);
    assert.deepEqual(failed, []);
    const changes = (await traffic())?.history.map(({ change }) => change) ?? [];
    for (const change of ["20 % → 50 %", "50 % → PROMOTED"]) {
      assert.equal(changes.filter((one) => one === change).length, 1, changes.join());
    }
  });

  it("together with every gateway process is followed by all of them, at the same port", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    await rig.release();
    const before = await statusOf(server);
    const gateways = listenersOn(Number(new URL(server.url).port));
    assert.equal(gateways.length, 2);
    for (const pid of [...gateways, before.controller?.pid ?? 0]) process.kill(pid, "SIGKILL");
    await eventually("others listen", () => {
      const pids = listenersOn(Number(new URL(server.url).port));
      return pids.length === 2 && pids.every((pid) => !gateways.includes(pid));
    });
    assert.equal(await (await fetch(`${server.url}/held/`)).text(), "answered");
    assert.deepEqual(new Set(replicaPids(await statusOf(server))), new Set(replicaPids(before)));
  });
});

describe("a server with a controller apart", { timeout: 120_000 }, () => {
  it("that is killed takes all its processes along", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const status = await statusOf(server);
    const pids = [status.controller?.pid ?? 0, ...replicaPids(status)];
    await server.stop("SIGKILL");
    await eventually("all gone", () => pids.every(isGone));
    await assert.rejects(fetch(`${server.url}/held/`));
  });

  it("whose port is taken says so and starts nothing", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const { port } = new URL(server.url);
    const args = ["serve", "run", join(server.stateDir, "shoal.yaml"), "--port", port, "--admin-port", "0"];
    const { code, stderr } = await shoal(args, { SHOAL_STATE_DIR: rig.folder.path });
    assert.equal(code, 2);
    assert.match(stderr, /Cannot listen on 127\.0\.0\.1:\d+ \(http_options\): the port is in use/);
  });
});
