// The REST paths that change what is served: shapes, refusals, idempotence. What a deploy does is tested beside it.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { decodeConfig } from "../../../controller/index.ts";
import type { DeployView, HistoryView, RefusedView, ServeStatusView } from "../../../gateway/index.ts";
import { Server } from "../../../gateway/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { MODULE } from "../../controller/deploys/support.ts";
import { eventually } from "../../support/eventually.ts";

const APPLICATIONS = "/api/serve/applications/";

interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

/** A server of one application, `one`, in a folder with a module. */
class Rig implements AsyncDisposable {
  readonly server: Server;
  readonly folder: string;

  private constructor(server: Server, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  static async start(): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), "shoal-test-é-"));
    await writeFile(join(folder, "echo.js"), MODULE);
    const text = JSON.stringify({
      applications: [{ name: "one", route_prefix: "/one", deployments: [deployment("one")] }],
      http_options: { port: 0 },
      admin_options: { port: 0 },
    });
    const decoded = decodeConfig(text, { file: join(folder, "shoal.json") });
    assert(decoded.kind === "ok");
    return new Rig(await Server.start({ config: decoded.value, log: silentLog }), folder);
  }

  async ask<Body>(
    method: string,
    path: string,
    { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer<Body>> {
    const response = await fetch(`${this.server.admin.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.server.adminToken}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, body: (await response.json()) as Body };
  }

  put<Body = DeployView>(body: string, query = ""): Promise<Answer<Body>> {
    const headers = {
      "shoal-directory": encodeURIComponent(this.folder),
      "shoal-author": "%C3%A9mile",
      "shoal-source": "a.yaml",
    };
    return this.ask<Body>("PUT", `${APPLICATIONS}${query}`, { body, headers });
  }

  async names(): Promise<string[]> {
    return Object.keys((await this.ask<ServeStatusView>("GET", APPLICATIONS)).body.applications);
  }

  async runs(application: string): Promise<void> {
    await eventually(
      `${application} runs`,
      () => this.server.deploys.releases.get(application)?.outcome.kind === "running",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.drain();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function deployment(name: string): object {
  return { name, module: "./echo.js:Echo", min_ready_s: 0, resources: { num_cpus: 0.1 } };
}

const yaml = (...names: string[]): string =>
  [
    "applications:",
    ...names.flatMap((name) => [
      `- name: ${name}`,
      `  route_prefix: /${name}`,
      `  deployments: [${JSON.stringify(deployment(name))}]`,
    ]),
  ].join("\n");

const changes = ({ applications }: DeployView): string[] =>
  applications.map(({ application, change, release }) => `${application} ${change} ${release}`);

describe("PUT", () => {
  test("takes Ray's shape as YAML or JSON, from a folder of any name, and is idempotent", async () => {
    await using rig = await Rig.start();
    const first = await rig.put(yaml("one", "two"));
    assert.deepEqual([first.status, changes(first.body)], [200, ["one unchanged 1", "two added 1"]]);
    await rig.runs("two");
    assert.equal(await (await fetch(`${rig.server.http.url}/two`)).text(), "0");
    const json = JSON.stringify({
      applications: [{ name: "two", route_prefix: "/two", deployments: [deployment("two")] }],
    });
    assert.deepEqual(changes((await rig.put(json)).body), ["two unchanged 1", "one removed undefined"]);
    assert.deepEqual(changes((await rig.put(json)).body), ["two unchanged 1"]);
    assert.deepEqual(await rig.names(), ["two"]);
    const { releases } = (await rig.ask<HistoryView>("GET", `${APPLICATIONS}two/history`)).body;
    assert.deepEqual(
      releases.map(({ release, author, source, outcome }) => [release, author, source, outcome]),
      [[1, "émile", "a.yaml", "running"]],
    );
  });

  test("with dry_run says the same and does nothing", async () => {
    await using rig = await Rig.start();
    const dry = await rig.put(yaml("two"), "?dry_run=true");
    assert.deepEqual(changes(dry.body), ["two added undefined", "one removed 1"]);
    assert.deepEqual(await rig.names(), ["one"]);
  });

  test("is refused whole, each fault with its place", async () => {
    await using rig = await Rig.start();
    const text = `${yaml("one", "two").replaceAll("/two", "/one")}\nhttp_options: { prot: 1 }`;
    const { status, body } = await rig.put<RefusedView>(text);
    assert.deepEqual(
      [status, body.code, body.faults.map(({ line, path }) => [line, path])],
      [
        400,
        "INVALID_CONFIG",
        [
          [6, "applications[1].route_prefix"],
          [8, "http_options.prot"],
        ],
      ],
    );
    assert.match(
      body.error,
      /^a\.yaml:6:17: found "\/one" again \(first on line 3\) at applications\[1\]\.route_prefix/,
    );
    assert.deepEqual(await rig.names(), ["one"]);
  });

  test("is refused when it says nothing, too much, or from nowhere", async () => {
    await using rig = await Rig.start();
    assert.equal((await rig.ask("PUT", APPLICATIONS)).status, 400);
    assert.equal((await rig.put("#".repeat(2 ** 20 + 1))).status, 413);
    for (const directory of ["relative/path", "%E9"]) {
      const headers = { "shoal-directory": directory };
      assert.equal(
        (await rig.ask("PUT", APPLICATIONS, { body: yaml("one"), headers })).status,
        400,
        directory,
      );
    }
    assert.deepEqual(await rig.names(), ["one"]);
  });
});

describe("DELETE, history and rollback", () => {
  test("one application, then all; a rollback brings one back", async () => {
    await using rig = await Rig.start();
    await rig.put(yaml("one", "two", "three"));
    await rig.runs("one");
    assert.deepEqual((await rig.ask("DELETE", `${APPLICATIONS}one`)).body, { removed: ["one"] });
    assert.equal((await rig.ask("DELETE", `${APPLICATIONS}one`)).status, 404);
    assert.equal((await fetch(`${rig.server.http.url}/one`)).status, 404);
    assert.deepEqual((await rig.ask("DELETE", APPLICATIONS)).body, { removed: ["two", "three"] });
    assert.deepEqual((await rig.ask("DELETE", APPLICATIONS)).body, { removed: [] });
    assert.deepEqual(await rig.names(), []);
    const back = await rig.ask<DeployView>("POST", `${APPLICATIONS}one/rollback`);
    assert.deepEqual(changes(back.body), ["one added 2"]);
    assert.deepEqual(await rig.names(), ["one"]);
    const { releases } = (await rig.ask<HistoryView>("GET", "/api/serve/history")).body;
    assert.deepEqual(
      releases.map(({ application, release }) => `${application} ${release}`),
      ["one 2", "one 1", "three 1", "two 1"],
    );
  });

  for (const [path, body, status] of [
    ["nobody/rollback", undefined, 404],
    ["one/rollback", '{"release": 9}', 404],
    ["one/rollback", '{"release": 0}', 400],
    ["one/rollback", '{"release": "1"}', 400],
    ["one/rollback", "{", 400],
    ["%2e%2e%2fone/rollback", undefined, 400],
  ] as const) {
    test(`POST ${path} ${body ?? ""} is ${status}`, async () => {
      await using rig = await Rig.start();
      const answer = await rig.ask<{ error: string }>(
        "POST",
        APPLICATIONS + path,
        body === undefined ? {} : { body },
      );
      assert.equal(answer.status, status, answer.body.error);
      assert.deepEqual(await rig.names(), ["one"]);
    });
  }

  test("the history of nobody is 404", async () => {
    await using rig = await Rig.start();
    assert.equal((await rig.ask("GET", `${APPLICATIONS}nobody/history`)).status, 404);
  });
});
