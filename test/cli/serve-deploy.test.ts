// Deploying to servers that run, from the command line: what is printed, exit statuses, the end by kill -9, --watch.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ReleaseView, ServeStatusView } from "../../gateway/index.ts";
import { ServeStore } from "../../controller/store/index.ts";
import { LocalBackend } from "../../runtime/cluster/index.ts";
import { shoal } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { type Served, type StartOptions, start } from "../support/serve.ts";
import { TestFolder } from "./support.ts";

const MODULE = `
export class Greeter {
  start({ userConfig }) {
    if (userConfig.fail) {
      console.log("about to fail");
      throw new Error("told to fail");
    }
    this.greeting = userConfig.greeting;
  }
  reconfigure(userConfig) { this.greeting = userConfig.greeting; }
  fetch() { return new Response("MARK " + this.greeting + " " + process.pid); }
}
`;

const config = (greeting: string): string => `applications:
  - name: hello
    route_prefix: /hello
    deployments:
      - name: greeter
        module: ./greeter.js:Greeter
        user_config: { greeting: ${greeting} }
        min_ready_s: 0.05
        max_constructor_retry_count: 1
        resources: { num_cpus: 0.1 }
`;

const overlay = (...lines: string[]): string =>
  [
    "applications:",
    "- name: hello",
    "  deployments:",
    "  - name: greeter",
    ...lines.map((line) => `    ${line}`),
    "",
  ].join("\n");

/** A folder with a module and configs, and the store of the servers that are started in it. */
class Rig implements AsyncDisposable {
  readonly folder: TestFolder;

  private constructor(folder: TestFolder) {
    this.folder = folder;
  }

  static async make(): Promise<Rig> {
    const rig = new Rig(await TestFolder.make());
    await rig.write("greeter.js", MODULE);
    await rig.write("base.yaml", config("hi"));
    return rig;
  }

  path(name: string): string {
    return join(this.folder.path, name);
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(this.path(name), text);
  }

  /** Without a config, on what the store says. */
  serve(options: StartOptions = {}, file = ""): Promise<Served> {
    const args = ["--log-level", "silent", "--data-dir", this.path("data"), ...(options.args ?? [])];
    return start(file === "" ? "" : this.path(file), { ...options, args });
  }

  /** `shoal serve …` beside a server, with its paths made short. */
  async run(server: Served, command: string, ...args: string[]) {
    const ran = await shoal(["serve", command, ...args], { SHOAL_STATE_DIR: server.stateDir });
    const short = (text: string): string => text.replaceAll(`${this.folder.path}/`, "");
    return { code: ran.code, stdout: short(ran.stdout), stderr: short(ran.stderr) };
  }

  deploy(server: Served, ...files: string[]) {
    return this.run(
      server,
      "deploy",
      ...files.map((file) => (file.startsWith("-") ? file : this.path(file))),
    );
  }

  async history(server: Served): Promise<string[]> {
    const { stdout } = await this.run(server, "history", "hello", "--json");
    const releases: ReleaseView[] = JSON.parse(stdout);
    return releases.map(({ release, outcome }) => `${release} ${outcome}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Without the process id. */
async function answer(server: Served): Promise<string> {
  return (await (await fetch(`${server.url}/hello`)).text()).replace(/ \d+$/, "");
}

describe("serve deploy", { timeout: 120_000 }, () => {
  it("shows what changes and each step, waits until it runs, and does nothing twice", async () => {
    await using rig = await Rig.make();
    await using server = await rig.serve();
    assert.match(server.output, /^Nothing is deployed yet: shoal serve deploy <config>$/m);
    const first = await rig.deploy(server, "base.yaml");
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    assert.match(first.stdout, /^\+ hello\n {2}\+ greeter\n[^]*✓ greeter HEALTHY\nRuns: hello release 1\n$/);
    assert.equal(await answer(server), "MARK hi");
    assert.match((await rig.deploy(server, "base.yaml")).stdout, /^Nothing changes\.\n/);
    await rig.write("prod.yaml", overlay('version: "2"', "user_config: { greeting: bye }"));
    const dry = await rig.deploy(server, "base.yaml", "prod.yaml", "--dry-run");
    const difference = [
      "~ hello",
      "  ~ greeter (new replicas take the place of the old ones)",
      '      version: "1" → "2"',
      '      user_config.greeting: "hi" → "bye"',
      "",
    ].join("\n");
    assert.deepEqual([dry.code, dry.stdout], [0, difference]);
    assert.equal(await answer(server), "MARK hi");
    const second = await rig.deploy(server, "base.yaml", "prod.yaml");
    assert.equal(second.code, 0, second.stderr);
    assert(
      second.stdout.startsWith(difference) && second.stdout.endsWith("Runs: hello release 2\n"),
      second.stdout,
    );
    assert.equal(await answer(server), "MARK bye");
    assert.deepEqual(await rig.history(server), ["2 running", "1 running"]);
  });

  it("that fails says why and exits with 1; what ran before is served on, and rollback tidies up", async () => {
    await using rig = await Rig.make();
    await using server = await rig.serve({}, "base.yaml");
    await rig.write("bad.yaml", overlay('version: "2"', "user_config: { fail: true }"));
    const { code, stderr } = await rig.deploy(server, "base.yaml", "bad.yaml");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^✗ hello release 2 failed: greeter: .*told to fail.*rolled back to [^]*\n {2}\| .*about to fail[^]*\n {2}greeter serves what ran before; "shoal serve rollback hello" makes/,
    );
    assert.equal(await answer(server), "MARK hi");
    const { stdout } = await rig.run(server, "status");
    assert.match(stdout, /^hello +\/hello +2 failed +greeter +DEPLOY_FAILED +1\/1 .*told to fail/m);
    assert.match(
      stdout,
      /^greeter serves what ran before; "shoal serve rollback hello" makes that what is wanted$/m,
    );
    assert.equal((await rig.run(server, "status", "--check")).code, 1);
    const back = await rig.run(server, "rollback", "hello");
    assert.deepEqual([back.code, back.stderr], [0, ""]);
    assert.match(back.stdout, /version: "2" → "1"[^]*Runs: hello release 3\n$/);
    assert.deepEqual(await rig.history(server), ["3 running", "2 failed", "1 running"]);
    assert.match(
      (await rig.run(server, "history")).stdout,
      /^hello +3 +\S+ +running +\S+ +back to 1 from 2$/m,
    );
    const none = await rig.run(server, "rollback", "hello", "9");
    assert.deepEqual(
      [none.code, none.stderr],
      [1, 'The server answered 404: Cannot roll back: "hello" has no release 9\n'],
    );
  });

  it("of a wrong config is exit status 2 with the file, the line and the column; all goes on", async () => {
    await using rig = await Rig.make();
    await using server = await rig.serve({}, "base.yaml");
    // The command finds the first, the server the second.
    for (const [line, wanted] of [
      [
        "num_replica: 2",
        /^keys\.yaml:5:5: found the unknown key "num_replica" at applications\[0\]\.deployments\[0\]/,
      ],
      [
        "module: ./none.js",
        /^keys\.yaml:5:13: found no file "none\.js" at applications\[0\]\.deployments\[0\]\.module/,
      ],
    ] as const) {
      await rig.write("keys.yaml", overlay(line));
      const { code, stdout, stderr } = await rig.deploy(server, "base.yaml", "keys.yaml");
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, wanted);
    }
    assert.equal(await answer(server), "MARK hi");
    assert.deepEqual(await rig.history(server), ["1 running"]);
  });

  it("delete ends an application; an unknown one is exit status 1", async () => {
    await using rig = await Rig.make();
    await using server = await rig.serve({}, "base.yaml");
    assert.deepEqual(await rig.run(server, "delete", "hello"), {
      code: 0,
      stdout: "Deleted hello\n",
      stderr: "",
    });
    assert.equal((await fetch(`${server.url}/hello`)).status, 404);
    assert.equal((await rig.run(server, "delete", "hello")).code, 1);
  });
});

describe("the store of serve run", { timeout: 120_000 }, () => {
  it("after kill -9 brings back every application without the config, settings too", async () => {
    await using rig = await Rig.make();
    {
      await using server = await rig.serve({}, "base.yaml");
      await rig.write(
        "both.yaml",
        `${config("hi")}  - name: other\n    route_prefix: /other\n    deployments: [{ name: other, module: "./greeter.js:Greeter", user_config: { greeting: x }, resources: { num_cpus: 0.1 } }]\nhttp_options: { request_timeout_s: 7 }\n`,
      );
      assert.match(
        (await rig.deploy(server, "both.yaml", "--no-wait")).stdout,
        /http_options changed: .*next start\n[^]*Deploying: hello release 2, other release 1\n$/,
      );
      await server.stop("SIGKILL");
    }
    await using server = await rig.serve();
    assert.equal(await answer(server), "MARK hi");
    assert.equal(await (await fetch(`${server.url}/other`)).text().then((text) => text.split(" ")[1]), "x");
    const { applications } = JSON.parse(
      (await rig.run(server, "status", "--json")).stdout,
    ) as ServeStatusView;
    assert.deepEqual(
      Object.values(applications).map(({ name, release }) => [name, release?.release]),
      [
        ["hello", 2],
        ["other", 1],
      ],
    );
    assert.match((await rig.run(server, "config")).stdout, /request_timeout_s: 7\n/);
  });

  it("has one server at a time", async () => {
    await using rig = await Rig.make();
    await using server = await rig.serve();
    const args = ["serve", "run", "--port", "0", "--admin-port", "0", "--data-dir", rig.path("data")];
    const { code, stdout, stderr } = await shoal(args, { SHOAL_STATE_DIR: server.stateDir });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, new RegExp(`process ${server.pid}`));
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  });

  it("of a later Shoal is refused and not touched", async () => {
    await using rig = await Rig.make();
    {
      await using backend = await LocalBackend.start({ file: rig.path("data/serve.sqlite") });
      await ServeStore.open(backend);
      await backend.keyValue.put("serve/format", Buffer.from('{"version":2}'));
    }
    const args = [
      "serve",
      "run",
      rig.path("base.yaml"),
      "--port",
      "0",
      "--admin-port",
      "0",
      "--data-dir",
      rig.path("data"),
    ];
    const { code, stdout, stderr } = await shoal(args, { SHOAL_STATE_DIR: rig.folder.path });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /found format 2, wanted at most 1\..*Nothing was changed\n$/s);
  });
});

describe("serve run --watch", { timeout: 120_000 }, () => {
  it("deploys a changed module and a changed config, and tells what it cannot deploy", async () => {
    await using rig = await Rig.make();
    await using server = await rig.serve({ args: ["--watch"] }, "base.yaml");
    assert.equal(await answer(server), "MARK hi");
    await rig.write("greeter.js", MODULE.replace("MARK", "NEW"));
    await eventually("the new module", async () => (await answer(server)) === "NEW hi");
    await server.printed(/~ hello\n {2}~ greeter [^]*its files changed/);
    await rig.write("base.yaml", config("[oops"));
    await server.printed(/Not deployed:\n.*base\.yaml:\d+:\d+: /);
    assert.equal(await answer(server), "NEW hi");
    await rig.write("base.yaml", config("hello"));
    await eventually("the new config", async () => (await answer(server)) === "NEW hello");
  });
});
