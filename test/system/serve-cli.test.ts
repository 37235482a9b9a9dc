// `serve run` as a process: signals, its end, and what is left when it is killed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { configOf, TestFolder } from "../cli/support.ts";
import type { ServeStatusView } from "../../gateway/index.ts";
import { isGone } from "../runtime/core/support.ts";
import { COMMAND, shoal } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { type Served, type StartOptions, start } from "../support/serve.ts";

/** How soon replicas must be gone once their server was killed. */
const ORPHAN_MS = 1_000;

/** User code that answers /wait once a file is there, and blocks its process for ever at /block. */
const HELD = `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export class Held {
  start({ userConfig }) {
    this.file = userConfig.file;
  }

  async fetch(request) {
    console.log("a request has come");
    if (request.url.endsWith("/block")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    while (!existsSync(this.file)) await sleep(5);
    return new Response("answered");
  }
}
`;

/** A server with a model and with user code that answers when it is told to; all it leaves is in `folder`. */
class Rig implements AsyncDisposable {
  readonly folder: TestFolder;
  readonly config: string;

  private constructor(folder: TestFolder, config: string) {
    this.folder = folder;
    this.config = config;
  }

  static async make(): Promise<Rig> {
    const folder = await TestFolder.make();
    const module = await folder.write("held.js", HELD);
    const settings = `user_config: { file: ${join(folder.path, "go")} }, resources: { num_cpus: 0.1 }`;
    const held = `{ name: held, module: ${module}, ${settings}, max_ongoing_requests: 2 }`;
    return new Rig(
      folder,
      configOf("  - name: held", "    route_prefix: /held", `    deployments: [${held}]`),
    );
  }

  start(options: StartOptions = {}): Promise<Served> {
    return start(this.config, { ...options, env: { TMPDIR: this.folder.path, ...options.env } });
  }

  /** Lets user code answer. */
  async release(): Promise<void> {
    await writeFile(join(this.folder.path, "go"), "");
  }

  /** Folders of data sockets. */
  get socketFolders(): string[] {
    return readdirSync(this.folder.path).filter((name) => /^shoal-\d/.test(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

async function replicaPids(server: Served): Promise<number[]> {
  const { stdout } = await shoal(["serve", "status", "--json"], { SHOAL_STATE_DIR: server.stateDir });
  const { applications } = JSON.parse(stdout) as ServeStatusView;
  return Object.values(applications).flatMap(({ deployments }) =>
    Object.values(deployments).flatMap(({ replicas }) => replicas.flatMap(({ pid }) => pid ?? [])),
  );
}

async function records(stateDir: string): Promise<string[]> {
  return (await readdir(stateDir)).filter((name) => name.endsWith(".json"));
}

/** A request that user code holds; resolves with its answer's text, or undefined when there was none. */
async function heldRequest(
  server: Served,
  path = "/held/wait",
): Promise<{ answer: Promise<string | undefined> }> {
  const answer = fetch(`${server.url}${path}`).then(
    (response) => response.text(),
    () => undefined,
  );
  await server.printed(/a request has come/);
  return { answer };
}

describe("the end of serve run", { timeout: 120_000 }, () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`by ${signal} answers what was admitted, refuses the rest and leaves nothing`, async () => {
      await using rig = await Rig.make();
      await using server = await rig.start();
      const pids = await replicaPids(server);
      assert.deepEqual([pids.length, rig.socketFolders.length], [2, 1]);
      const { answer } = await heldRequest(server);
      const ended = server.stop(signal);
      await server.printed(/Draining …/);
      assert.equal((await fetch(`${server.url}/held`)).status, 503);
      await rig.release();
      assert.equal(await answer, "answered");
      assert.deepEqual(await ended, { code: 0, signal: null });
      assert.match(server.output, /Done\.\n$/);
      assert.deepEqual(
        [pids.filter((pid) => !isGone(pid)), rig.socketFolders, await records(server.stateDir)],
        [[], [], []],
      );
    });
  }

  it("by one Ctrl-C that comes several times, from terminal, npm and launcher, is still a drain", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const { answer } = await heldRequest(server);
    for (let times = 0; times < 3; times++) process.kill(server.pid, "SIGINT");
    await server.printed(/Draining …/);
    await rig.release();
    assert.equal(await answer, "answered");
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });

  it("by a second Ctrl-C is at once, and replicas go with it", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const pids = await replicaPids(server);
    const { answer } = await heldRequest(server);
    process.kill(server.pid, "SIGINT");
    await server.printed(/Draining …/);
    // Again and again, since one that follows too soon counts as the same.
    const ended = new AbortController();
    const exit = server.exited.finally(() => ended.abort());
    while (!ended.signal.aborted) {
      process.kill(server.pid, "SIGINT");
      await sleep(50, undefined, { signal: ended.signal }).catch(() => undefined);
    }
    assert.deepEqual(await exit, { code: 1, signal: null });
    assert.equal(await answer, undefined);
    await eventually("replicas gone", () => pids.every(isGone), ORPHAN_MS);
  });

  it("while replicas still start leaves nothing", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start({ until: /^Listening/m });
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.match(server.output, /Done\.\n$/);
    assert.deepEqual([rig.socketFolders, await records(server.stateDir)], [[], []]);
  });

  it("does not follow from readers of its output that leave", async () => {
    await using rig = await Rig.make();
    const config = await rig.folder.write("shoal.yaml", rig.config);
    const child = spawn(
      process.execPath,
      [COMMAND, "serve", "run", config, "--port", "0", "--admin-port", "0"],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, NO_COLOR: "1", SHOAL_STATE_DIR: rig.folder.path },
      },
    );
    const exited = once(child, "close");
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    child.stdout.destroy();
    child.stderr.destroy();
    const url = /Listening on (\S+)/.exec(String(chunk))?.[1];
    await eventually("a server that is ready", async () => (await fetch(`${url}/v2/health/ready`)).ok);
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });
});

describe("a server that is killed", { timeout: 120_000 }, () => {
  it("takes its replicas along within a second, also one that is blocked; the next start clears up", async () => {
    await using rig = await Rig.make();
    await using server = await rig.start();
    const pids = await replicaPids(server);
    assert.equal(pids.length, 2);
    const { answer } = await heldRequest(server, "/held/block");
    await server.stop("SIGKILL");
    await eventually("replicas gone", () => pids.every(isGone), ORPHAN_MS);
    assert.equal(await answer, undefined);
    assert.deepEqual([rig.socketFolders.length, await records(server.stateDir)], [1, [`${server.pid}.json`]]);
    const found = await shoal(["serve", "status"], { SHOAL_STATE_DIR: server.stateDir });
    assert.equal(found.code, 3);
    assert.deepEqual(await records(server.stateDir), []);
    const left = rig.socketFolders;
    await using next = await rig.start();
    assert.equal(rig.socketFolders.length, 1);
    assert.notDeepEqual(rig.socketFolders, left);
    assert.equal((await fetch(`${next.url}/v2/models/net/ready`)).status, 200);
  });
});

describe("a server without a place for its record", { timeout: 120_000 }, () => {
  it("says so and serves", async () => {
    await using rig = await Rig.make();
    const nowhere = join(await rig.folder.write("file", ""), "servers");
    await using server = await rig.start({ env: { SHOAL_STATE_DIR: nowhere } });
    assert.match(server.output, /other commands will not find this server: its record cannot be written/);
    assert.equal((await fetch(`${server.url}/v2/health/ready`)).status, 200);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });
});
