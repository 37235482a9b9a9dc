// The package as it would be published: built JavaScript under node_modules, where Node strips no types.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Keda } from "../gateway/grpc/support.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Lays out what package.json publishes, the build made afresh, as an installed package. */
async function install(folder: string): Promise<string> {
  const shoal = join(folder, "node_modules", "shoal");
  await mkdir(shoal, { recursive: true });
  const text = await readFile(join(ROOT, "package.json"), "utf8");
  await writeFile(join(shoal, "package.json"), text);
  const { files } = JSON.parse(text) as { files: string[] };
  for (const file of files.filter((name) => name !== "dist")) {
    await cp(join(ROOT, file), join(shoal, file), { recursive: true });
  }
  assert(files.includes("dist"));
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const build = [tsc, "-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(shoal, "dist")];
  await promisify(execFile)(process.execPath, build);
  await symlink(join(ROOT, "node_modules"), join(shoal, "node_modules"));
  return shoal;
}

/** Every library of the package, and one of them at work. */
const PROGRAM = `
import { openWorkload, parseContender, PROFILES, runContender } from "shoal/simulate";
const libraries = {};
for (const name of process.argv.slice(2)) libraries[name] = Object.keys(await import(name)).length;
const workload = await openWorkload("steady", { perSecond: 20, seconds: 30 });
const contender = parseContender("shoal", { replicas: 2, bounds: { min: 1, max: 4 } });
const { attainment } = await runContender({ ...workload, profile: PROFILES.large, objectiveMs: 60_000 }, contender, 1);
console.log(JSON.stringify({ libraries, attainment }));
`;

describe("the published files", () => {
  let folder = "";
  let shoal = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
    shoal = await install(folder);
  });
  after(async () => {
    if (folder !== "") await rm(folder, { recursive: true, force: true });
  });

  test("serve a model and a module, and answer KEDA", async () => {
    await using stack = new AsyncDisposableStack();
    const keda = join(folder, "keda.json");
    await writeFile(keda, JSON.stringify({ keda_options: { port: 0 } }));
    const args = [
      "serve",
      "run",
      join(ROOT, "examples", "shoal.yaml"),
      keda,
      "--port",
      "0",
      "--admin-port",
      "0",
    ];
    const env = { ...process.env, SHOAL_STATE_DIR: join(folder, "state"), NO_COLOR: "1" };
    const server = spawn(process.execPath, [join(shoal, "bin", "shoal.js"), ...args], { env });
    const exited = once(server, "exit");
    stack.defer(async () => {
      server.kill("SIGTERM");
      assert.deepEqual(await exited, [0, null]);
    });
    server.stderr.resume();
    let output = "";
    for await (const part of server.stdout) {
      output += String(part);
      if (/^Ready[.:]/m.test(output)) break;
    }
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? assert.fail(output);
    const body = await readFile(join(ROOT, "examples", "digits", "samples", "3.json"));
    const digits = await fetch(`${url}/digits`, { method: "POST", body });
    assert.match(await digits.text(), /"label":\[3\]/);
    const [, address = ""] = /^Listening for KEDA on (\S+)$/m.exec(output) ?? assert.fail(output);
    using asking = new Keda(address);
    assert.equal(await asking.isActive({ deployment: "digits" }), true);
    const text = await fetch(`${url}/text?prompt=Alice&max_words=4`);
    assert.equal(text.status, 200);
    assert.notEqual(await text.text(), "");
  });

  test("are every library that package.json names, and a program simulates a deployment with one", async () => {
    const { exports } = JSON.parse(await readFile(join(shoal, "package.json"), "utf8")) as {
      exports: object;
    };
    const names = Object.keys(exports).filter((name) => !name.endsWith(".json"));
    const program = join(folder, "program.mjs");
    await writeFile(program, PROGRAM);
    const imported = names.map((name) => name.replace(".", "shoal"));
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...imported]);
    const said = JSON.parse(stdout) as { libraries: Record<string, number>; attainment: number };
    assert.deepEqual(Object.keys(said.libraries), imported);
    assert(
      Object.values(said.libraries).every((count) => count > 0),
      stdout,
    );
    assert.equal(said.attainment, 1);
    for (const name of ["cluster", "core", "engines", "serve", "simulate"])
      assert(imported.includes(`shoal/${name}`));
  });
});
