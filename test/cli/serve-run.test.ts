// What `serve run` refuses to start, and which setting wins.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { shoal } from "../support/command.ts";
import { start } from "../support/serve.ts";
import { configOf, MODEL, takenPort, TestFolder } from "./support.ts";

describe("a wrong config", { timeout: 60_000 }, () => {
  for (const [what, text, ...wanted] of [
    ["malformed", "applications: [\n", /^shoal\.yaml:\d+:\d+: /],
    ["not even a map", "just text", /^shoal\.yaml:1:1: found .*, wanted /],
    ["empty", "", /^shoal\.yaml:1:1: /],
    [
      "full of faults",
      [
        "applications:",
        "  - name: one",
        "    rout_prefix: /one",
        "    deployments:",
        `      - name: net`,
        `        model: ${MODEL}`,
        "        num_replicas: many",
        "        max_ongoing_requests: 2",
        "        batching: { max_batch_size: 8 }",
        "http_options: { port: 70000 }",
      ].join("\n"),
      /^shoal\.yaml:3:5: found .*rout_prefix.*, wanted /,
      /^shoal\.yaml:7:23: found .*many.*, wanted /,
      /^shoal\.yaml:8:31: found 2 .*, wanted at least batching\.max_batch_size, 8/,
      /^shoal\.yaml:10:\d+: found 70000 .*, wanted /,
    ],
    [
      "impossible",
      [
        "applications:",
        "  - { name: a, route_prefix: /same, deployments: [{ name: net, model: a.onnx }] }",
        "  - { name: b, route_prefix: /same, deployments: [{ name: net, model: b.onnx }] }",
      ].join("\n"),
      /^shoal\.yaml:3:\d+: found .*\/same/,
      /^shoal\.yaml:3:\d+: found .*net/,
    ],
  ] as const) {
    it(`that is ${what} starts nothing: every fault as file:line:column, exit status 2`, async () => {
      await using folder = await TestFolder.make();
      const path = await folder.write("shoal.yaml", text);
      const env = { SHOAL_STATE_DIR: join(folder.path, "state"), SHOAL_PORT: "0", SHOAL_ADMIN_PORT: "0" };
      const { code, stdout, stderr } = await shoal(["serve", "run", path], env);
      assert.deepEqual([code, stdout], [2, ""]);
      const lines = stderr
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(`${folder.path}/`, ""));
      assert.equal(lines.length, wanted.length, stderr);
      for (const pattern of wanted)
        assert(
          lines.some((line) => pattern.test(line)),
          `${pattern}:\n${stderr}`,
        );
      assert.deepEqual(await readdir(folder.path), ["shoal.yaml"]);
    });
  }

  it("that is not there is named; exit status 2", async () => {
    const { code, stderr } = await shoal(["serve", "run", "no-such-file.yaml"]);
    assert.equal(code, 2);
    assert.match(stderr, /no-such-file\.yaml/);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  });
});

describe("a port in use", { timeout: 60_000 }, () => {
  // Which port the line names tells which setting won.
  async function refusedPort(key: "http_options" | "admin_options", use: { flag?: boolean; env?: boolean }) {
    await using folder = await TestFolder.make();
    using file = await takenPort();
    using environment = await takenPort();
    using flag = await takenPort();
    const config = await folder.write("shoal.yaml", configOf(`${key}: { port: ${file.port} }`));
    const [name, variable] =
      key === "http_options" ? ["--port", "SHOAL_PORT"] : ["--admin-port", "SHOAL_ADMIN_PORT"];
    const other = key === "http_options" ? ["--admin-port", "0"] : ["--port", "0"];
    const { code, stdout, stderr } = await shoal(
      ["serve", "run", config, ...other, ...(use.flag ? [name, String(flag.port)] : [])],
      {
        SHOAL_STATE_DIR: join(folder.path, "state"),
        SHOAL_LOG_LEVEL: "silent",
        ...(use.env ? { [variable]: String(environment.port) } : {}),
      },
    );
    assert.deepEqual([code, stdout], [2, ""]);
    const refused =
      /^Cannot listen on 127\.0\.0\.1:(\d+) \((\w+)\): the port is in use by another process\n$/;
    const [, port, where] = refused.exec(stderr) ?? assert.fail(stderr);
    assert.equal(where, key);
    return { [file.port]: "file", [environment.port]: "environment", [flag.port]: "flag" }[Number(port)];
  }

  for (const key of ["http_options", "admin_options"] as const) {
    it(`of ${key} is named in one line, exit status 2; flags win over the environment, that over the file`, async () => {
      assert.equal(await refusedPort(key, {}), "file");
      assert.equal(await refusedPort(key, { env: true }), "environment");
      assert.equal(await refusedPort(key, { env: true, flag: true }), "flag");
    });
  }

  it("is what is said when the same is run twice, not that the first has the store", async () => {
    await using folder = await TestFolder.make();
    const config = await folder.write("shoal.yaml", configOf());
    const data = ["--data-dir", join(folder.path, "data")];
    await using first = await start(config, { args: data });
    const again = ["serve", "run", config, ...data];
    const ports = (url: string) => new URL(url).port;
    const said =
      /^Cannot listen on 127\.0\.0\.1:(\d+) \((?:http|admin)_options\): the port is in use by another process\n$/;
    for (const [http, admin, wanted] of [
      [ports(first.url), ports(first.adminUrl), ports(first.url)],
      ["0", ports(first.adminUrl), ports(first.adminUrl)],
    ] as const) {
      const { code, stderr } = await shoal([...again, "--port", http, "--admin-port", admin], {
        SHOAL_STATE_DIR: folder.path,
      });
      assert.deepEqual([code, said.exec(stderr)?.[1]], [2, wanted], stderr);
    }
  });

  it("is not the only thing that can be wrong with an address", async () => {
    await using folder = await TestFolder.make();
    const config = await folder.write("shoal.yaml", configOf());
    const { code, stderr } = await shoal(
      ["serve", "run", config, "--host", "203.0.113.1", "--admin-port", "0"],
      {
        SHOAL_STATE_DIR: folder.path,
      },
    );
    assert.equal(code, 2);
    const empty = await shoal(["serve", "run", config], { SHOAL_STATE_DIR: folder.path, SHOAL_HOST: "" });
    assert.equal(empty.code, 2);
    assert.match(empty.stderr, /SHOAL_HOST.*found "", wanted an address to listen on/);
    assert.match(
      stderr,
      /^Cannot listen on 203\.0\.113\.1:8000 \(http_options\): this machine has no such address$/m,
    );
  });
});
