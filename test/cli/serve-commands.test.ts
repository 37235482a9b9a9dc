// `serve status`, `config` and `shutdown` beside servers that run.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import type { ServeStatusView } from "../../gateway/index.ts";
import { shoal } from "../support/command.ts";
import { start } from "../support/serve.ts";
import { configOf, MODEL, TestFolder } from "./support.ts";

const BROKEN = [
  "  - name: two",
  "    route_prefix: /two",
  "    deployments:",
  "      - { name: broken, model: /nowhere/broken.onnx }",
];

describe("commands beside a running server", { timeout: 120_000 }, () => {
  it("status is a table, or JSON; --check tells by the exit status whether all runs", async () => {
    await using server = await start(configOf());
    const env = { SHOAL_STATE_DIR: server.stateDir };
    const { code, stdout } = await shoal(["serve", "status", "--check"], env);
    assert.equal(code, 0);
    const [first, head, row, end] = stdout.split("\n");
    assert.equal(first, `${server.url} (process ${server.pid})`);
    assert.match(
      head ?? "",
      /^application +route +release +deployment +status +replicas +queued +open +message$/,
    );
    assert.match(row ?? "", /^one +\/one +1 \w+ +net +HEALTHY +1\/1 +0 +0$/);
    assert.equal(end, "");
    const json = JSON.parse((await shoal(["serve", "status", "--json"], env)).stdout) as ServeStatusView;
    assert.equal(json.pid, server.pid);
    assert.equal(json.applications["one"]?.status, "RUNNING");
    assert.equal(json.applications["one"]?.deployments["net"]?.replicas[0]?.state, "RUNNING");
  });

  it("a deployment that failed is told with its reason, and the others are served", async () => {
    await using server = await start(configOf(...BROKEN), { args: ["--log-level", "silent"] });
    assert.match(server.output, /✗ broken DEPLOY_FAILED: .*broken\.onnx/);
    assert.match(server.output, /✓ net HEALTHY \(loaded in \d+ ms\)/);
    assert(!/→ broken/.test(server.output));
    const { code, stdout, stderr } = await shoal(["serve", "status", "--check"], {
      SHOAL_STATE_DIR: server.stateDir,
    });
    assert.deepEqual([code, stderr], [1, ""]);
    assert.match(stdout, /^two +\/two +1 failed +broken +DEPLOY_FAILED +0\/1 +0 +0 +.*broken\.onnx/m);
    assert.match(stdout, /^one +\/one +1 \w+ +net +HEALTHY/m);
  });

  it("config is that of the server with every default, and can be served again", async () => {
    await using server = await start(configOf());
    const env = { SHOAL_STATE_DIR: server.stateDir };
    const { code, stdout } = await shoal(["serve", "config"], env);
    assert.equal(code, 0);
    const json = JSON.parse((await shoal(["serve", "config", "--json"], env)).stdout) as unknown;
    assert.deepEqual(parse(stdout), json);
    await using folder = await TestFolder.make();
    const checked = await shoal(["serve", "config", await folder.write("again.yaml", stdout), "--json"]);
    assert.equal(checked.code, 0, checked.stderr);
    assert.deepEqual(JSON.parse(checked.stdout), json);
  });

  it("shutdown drains, waits for the end and says so", async () => {
    await using server = await start(configOf());
    const { code, stdout } = await shoal(["serve", "shutdown"], { SHOAL_STATE_DIR: server.stateDir });
    assert.deepEqual([code, stdout], [0, `Ended ${server.url} (process ${server.pid})\n`]);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    assert.match(server.output, /Draining …\n[^]*Done\.\n$/);
  });

  it("one of several servers is named by its admin port", async () => {
    await using first = await start(configOf());
    await using second = await start(configOf(), { env: { SHOAL_STATE_DIR: first.stateDir } });
    const env = { SHOAL_STATE_DIR: first.stateDir };
    const unnamed = await shoal(["serve", "shutdown"], env);
    assert.equal(unnamed.code, 2);
    assert.match(unnamed.stderr, /^Found 2 running servers, wanted one of them named:\n/);
    const { port } = new URL(second.adminUrl);
    assert(unnamed.stderr.includes(`${second.url} (process ${second.pid}): --admin-port ${port}`));
    assert.equal((await shoal(["serve", "shutdown", "--admin-port", port], env)).code, 0);
    await second.exited;
    assert.match((await shoal(["serve", "status"], env)).stdout, new RegExp(`^${first.url} `));
  });
});

describe("commands without a server", { timeout: 60_000 }, () => {
  for (const command of ["status", "config", "shutdown"]) {
    it(`${command} says how to start one; exit status 3`, async () => {
      await using folder = await TestFolder.make();
      const env = { SHOAL_STATE_DIR: join(folder.path, "none") };
      assert.deepEqual(await shoal(["serve", command], env), {
        code: 3,
        stdout: "",
        stderr: "Cannot find a running server; start one with: shoal serve run <config>\n",
      });
    });
  }

  it("config checks a file: exit status 2 and its faults, or what it comes to", async () => {
    await using folder = await TestFolder.make();
    const good = await folder.write("good.yaml", configOf());
    const { code, stdout } = await shoal(["serve", "config", good]);
    assert.equal(code, 0);
    const form = parse(stdout) as {
      applications: { deployments: { model: string; num_replicas: number }[] }[];
    };
    const deployment = form.applications[0]?.deployments[0];
    assert.deepEqual([deployment?.model, deployment?.num_replicas], [MODEL, 1]);
    const bad = await folder.write("bad.yaml", "applications: 1\n");
    const refused = await shoal(["serve", "config", bad]);
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /bad\.yaml:1:15: found 1/);
  });
});
