// Runtime environments on real worker processes, with real installs from local packages.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { isRunning } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { type Folder, makeFolder, packageFiles, start } from "../environments/support.ts";
import { failing } from "./support.ts";

const HOOKS = new URL("../environments/fixtures/hooks.ts", import.meta.url);
const DRIVER = new URL("../environments/fixtures/installing-driver.ts", import.meta.url).pathname;

suite("variables, flags and inheritance", () => {
  test("a task has its variables and flags, others have not; processes are shared by equal environments", async () => {
    await using folder = await makeFolder();
    await using started = await start(folder);
    const { runtime, tasks } = started;
    const runtimeEnv = { envVars: { A: "1", HOME: undefined }, nodeFlags: ["--stack-trace-limit=33"] };
    assert.deepEqual(await runtime.get(tasks.variables.options({ runtimeEnv })("A", "HOME")), [
      "1",
      undefined,
    ]);
    assert.deepEqual(await runtime.get(tasks.variables("A", "HOME")), [undefined, process.env["HOME"]]);
    assert.ok((await runtime.get(tasks.flags.options({ runtimeEnv })())).includes("--stack-trace-limit=33"));
    const pid = await runtime.get(tasks.pid.options({ runtimeEnv })());
    const equal = { ...runtimeEnv, setupTimeoutMs: 60_000 };
    assert.equal(await runtime.get(tasks.pid.options({ runtimeEnv: equal })()), pid);
    assert.notEqual(await runtime.get(tasks.pid.options({ runtimeEnv: { envVars: { A: "2" } } })()), pid);
  });

  test("variables that the system takes for no process fail their tasks and actors, and nothing else", async () => {
    await using folder = await makeFolder();
    await using started = await start(folder);
    const { runtime, tasks, actors } = started;
    const runtimeEnv = { envVars: { A: "x".repeat(8 * 2 ** 20) } };
    const refused = failing("RUNTIME_ENV_SETUP_FAILED", /no process of it starts: .*E2BIG/);
    await assert.rejects(runtime.get(tasks.pid.options({ runtimeEnv })()), refused);
    await assert.rejects(actors.Settings.options({ runtimeEnv, maxRestarts: 2 }).create(), refused);
    assert.deepEqual(await runtime.get(tasks.variables("A")), [undefined]);
  });

  test("the job's is under all others; children have their parent's, with theirs laid over it", async () => {
    await using folder = await makeFolder();
    const job = { envVars: { A: "job", B: "job", C: "job" } };
    await using started = await start(folder, { runtimeEnv: job });
    const { runtime, tasks, actors } = started;
    assert.deepEqual(await runtime.get(tasks.variables("A", "B")), ["job", "job"]);
    const own = { runtimeEnv: { envVars: { B: "task", C: undefined } } };
    assert.deepEqual(await runtime.get(tasks.variables.options(own)("A", "B", "C")), [
      "job",
      "task",
      undefined,
    ]);
    const child = tasks.inChild.options(own);
    assert.deepEqual(await runtime.get(child({ envVars: { A: "child" } }, "A", "B", "C")), [
      "child",
      "task",
      undefined,
    ]);
    assert.deepEqual(await runtime.get(child(undefined, "A", "B")), ["job", "task"]);
    const actor = await actors.Settings.options({ ...own, maxRestarts: 1 }).create();
    assert.equal(await runtime.get(actor.variableOfActor("B")), "task");
    await assert.rejects(runtime.get(actor.crash()), failing("ACTOR_UNAVAILABLE", /Settings/));
    const again = actor.variables.options({ maxTaskRetries: -1 });
    assert.deepEqual(await runtime.get(again("B")), ["task"], "also after a restart");
  });

  test("a field that cannot work is named, with what was found and what was wanted", async () => {
    await using folder = await makeFolder();
    await using started = await start(folder);
    const wrong = { pip: ["numpy"] } as object;
    assert.throws(
      () => started.tasks.pid.options({ runtimeEnv: wrong }),
      failing("INVALID_ARGUMENT", /runtimeEnv: found "the field pip", wanted only envVars, workingDir/),
    );
    await assert.rejects(
      start(folder, { runtimeEnv: { workingDir: "/not/there" } }),
      failing(
        "INVALID_ARGUMENT",
        /runtimeEnv\.workingDir: found "\/not\/there", wanted a folder that is there/,
      ),
    );
  });
});

suite("folders", () => {
  test("tasks run in a copy of the working directory, and their modules come from there", async () => {
    await using folder = await makeFolder();
    await folder.write({
      "work/data.txt": "before",
      "work/secret.log": "x",
      "work/.gitignore": "*.log\n",
      "work/task.ts": `import inside from "./part.ts";
        import outside from "../beside.ts";
        import packaged from "found-there";
        export const all = (): string[] => [inside, outside, packaged, import.meta.url];`,
      "work/part.ts": 'export default "part" satisfies string;',
      "beside.ts": 'export default "beside" satisfies string;',
    });
    await folder.write({ "node_modules/found-there/index.js": 'export default "packaged";' });
    await folder.write({ "node_modules/found-there/package.json": { type: "module", main: "index.js" } });
    await using started = await start(folder);
    const { runtime, tasks } = started;
    const runtimeEnv = { workingDir: folder.at("work") };
    assert.equal(await runtime.get(tasks.read.options({ runtimeEnv })("data.txt")), "before");
    await folder.write({ "work/data.txt": "after" });
    assert.equal(await runtime.get(tasks.read.options({ runtimeEnv })("data.txt")), "before", "it is a copy");
    const copy = await runtime.get(tasks.cwd.options({ runtimeEnv })());
    assert.deepEqual(readdirSync(copy).toSorted(), [".gitignore", "data.txt", "part.ts", "task.ts"]);
    const own = runtime.tasks<{ all(): string[] }>(new URL(`file://${folder.at("work/task.ts")}`), {
      runtimeEnv,
    });
    const [inside, outside, packaged, url] = await runtime.get(own.all());
    assert.deepEqual([inside, outside, packaged], ["part", "beside", "packaged"]);
    assert.equal(url, `file://${copy}/task.ts`);
    await symlink(folder.at("work"), folder.at("link"));
    const linked = runtime.tasks<{ all(): string[] }>(new URL(`file://${folder.at("link/task.ts")}`), {
      runtimeEnv: { workingDir: folder.at("link") },
    });
    assert.match((await runtime.get(linked.all()))[3] ?? "", /\/working-dir-[0-9a-f]+\/content\/task\.ts$/);
  });

  test("what a task writes into its copy is not given to later runtimes", async () => {
    await using folder = await makeFolder();
    await folder.write({ "work/data.txt": "clean" });
    const runtimeEnv = { workingDir: folder.at("work") };
    await using first = await start(folder);
    await first.runtime.get(first.tasks.write.options({ runtimeEnv })("data.txt", "spoiled"));
    await using second = await start(folder);
    const read = (): Promise<string> =>
      second.runtime.get(second.tasks.read.options({ runtimeEnv })("data.txt"));
    assert.equal(await read(), "clean");
    assert.equal(await first.runtime.get(first.tasks.read.options({ runtimeEnv })("data.txt")), "spoiled");
  });

  test("packages in folders are imported by their names, TypeScript too, and find each other", async () => {
    await using folder = await makeFolder();
    await folder.write({
      "typed/package.json": { name: "@scope/typed", type: "module", exports: "./main.ts" },
      "typed/main.ts": 'import other from "other"; export default `typed ${other}` as string;',
      ...packageFiles("other", "other"),
    });
    await using started = await start(folder);
    const runtimeEnv = { modules: [folder.at("typed"), folder.at("other")] };
    const { runtime, tasks } = started;
    assert.equal(await runtime.get(tasks.imported.options({ runtimeEnv })("@scope/typed")), "typed other");
    await assert.rejects(
      runtime.get(tasks.imported("other")),
      failing("CALL_FAILED", /Cannot find package 'other'/),
    );
  });
});

suite("npm", () => {
  test("a list of packages is installed once, for imports and requires; scripts do not run", async () => {
    await using folder = await makeFolder();
    const files = packageFiles("from-list", "listed");
    const manifest = files["from-list/package.json"] as object;
    const scripts = { install: `node -e "require('fs').writeFileSync('${folder.at("ran")}','')"` };
    await folder.write({ ...files, "from-list/package.json": { ...manifest, scripts, bin: "./index.js" } });
    const runtimeEnv = { npm: [`file:${folder.at("from-list")}`] };
    await using started = await start(folder);
    const { runtime, tasks } = started;
    const both = [
      tasks.imported.options({ runtimeEnv })("from-list"),
      tasks.variable.options({ runtimeEnv })("PATH"),
    ] as const;
    const [says, path] = await runtime.get(both);
    assert.equal(says, "listed");
    assert.match(String(path), /^\S+\/npm-[0-9a-f]{32}\/content\/node_modules\/\.bin:/);
    assert.equal(await runtime.get(tasks.required.options({ runtimeEnv })("from-list")), "listed");
    assert.ok(!readdirSync(folder.path).includes("ran"), "no script ran");
    assert.deepEqual(entriesOf(folder), ["npm"]);
  });

  test("a package.json with its lock file is installed as it says", async () => {
    await using folder = await makeFolder();
    await folder.write({ ...packageFiles("locked", "locked"), "app/package.json": { private: true } });
    const npm = async (cwd: string, ...args: string[]): Promise<unknown> =>
      await promisify(execFile)("npm", [...args, "--no-audit", "--no-fund"], { cwd });
    await npm(folder.at("app"), "pack", "../locked");
    await npm(folder.at("app"), "install", "--package-lock-only", "./locked-1.0.0.tgz");
    await using started = await start(folder);
    const { runtime, tasks } = started;
    const runtimeEnv = { npm: { packageJson: folder.at("app/package.json") } };
    assert.equal(await runtime.get(tasks.imported.options({ runtimeEnv })("locked")), "locked");
    await rm(folder.at("app/locked-1.0.0.tgz"));
    await assert.rejects(
      runtime.get(
        tasks.imported.options({
          runtimeEnv: { ...runtimeEnv, npm: { ...runtimeEnv.npm, allowScripts: true } },
        })("locked"),
      ),
      failing("RUNTIME_ENV_SETUP_FAILED", /locked-1\.0\.0\.tgz/),
    );
  });

  test("two runtimes that ask for the same at once both have it", async () => {
    await using folder = await makeFolder();
    await folder.write(packageFiles("shared", "for both"));
    await using one = await start(folder);
    await using two = await start(folder);
    const options = { runtimeEnv: { npm: [`file:${folder.at("shared")}`] } };
    const said = [one, two].map(({ runtime, tasks }) =>
      runtime.get(tasks.imported.options(options)("shared")),
    );
    assert.deepEqual(await Promise.all(said), ["for both", "for both"]);
    assert.deepEqual(entriesOf(folder), ["npm"]);
  });

  test("a failure fails all who wait, with npm's words, and is tried again by later tasks", async () => {
    await using folder = await makeFolder();
    const manifest = { name: "broken", version: "1.0.0", type: "module", exports: "./index.js" };
    await folder.write({
      "broken/package.json": { ...manifest, dependencies: { gone: `file:${folder.at("gone.tgz")}` } },
    });
    await folder.write({ "broken/index.js": 'export default "whole";' });
    await using started = await start(folder);
    const { runtime, tasks, actors } = started;
    const runtimeEnv = { npm: [`file:${folder.at("broken")}`] };
    const options = { runtimeEnv, maxRetries: 5 };
    const words = failing(
      "RUNTIME_ENV_SETUP_FAILED",
      /npm install ended with exit code \d+:[^]*ENOENT[^]*gone\.tgz/,
    );
    const waiting = [1, 2, 3].map(() => runtime.get(tasks.imported.options(options)("broken")));
    const creation = actors.Settings.options({ runtimeEnv }).create();
    for (const { status, reason } of (await Promise.allSettled([
      ...waiting,
      creation,
    ])) as PromiseRejectedResult[]) {
      assert.equal(status, "rejected");
      await assert.rejects(Promise.reject(reason), words);
    }
    assert.deepEqual(entriesOf(folder), []);
    assert.equal(typeof (await runtime.get(tasks.pid())), "number", "others go on");
    await folder.write({ "broken/package.json": manifest });
    assert.equal(await runtime.get(tasks.imported.options(options)("broken")), "whole");
  });

  test("SIGKILL of the driver in mid-install ends the install; the next one is whole", async () => {
    await using folder = await makeFolder();
    await folder.write({
      ...packageFiles("slow", "installed"),
      "slow/package.json": {
        name: "slow",
        version: "1.0.0",
        type: "module",
        exports: "./index.js",
        scripts: { install: "node install.cjs" },
      },
      "slow/install.cjs": `const fs = require("node:fs");
        fs.writeFileSync(${JSON.stringify(folder.at("pid"))}, String(process.pid));
        const wait = () => fs.existsSync(${JSON.stringify(folder.at("go"))}) || setTimeout(wait, 20);
        wait();`,
    });
    const driver = spawn(process.execPath, [DRIVER, folder.at("cache"), folder.at("slow")], {
      stdio: "inherit",
    });
    try {
      await eventually("the install script runs", () => pidIn(folder) > 0);
      assert.equal(readdirSync(folder.at("cache")).length, 2, "an unfinished entry, and the marks of use");
      const installer = pidIn(folder);
      driver.kill("SIGKILL");
      await once(driver, "exit");
      await eventually("the install is gone", () => !isRunning(installer));
      await folder.write({ go: "" });
      await using started = await start(folder);
      const runtimeEnv = { npm: { packages: [`file:${folder.at("slow")}`], allowScripts: true } };
      assert.equal(
        await started.runtime.get(started.tasks.imported.options({ runtimeEnv })("slow")),
        "installed",
      );
      assert.deepEqual(entriesOf(folder), ["npm"]);
    } finally {
      driver.kill("SIGKILL");
    }
  });

  test("an install that takes longer than setupTimeoutMs is ended", async () => {
    await using folder = await makeFolder();
    await folder.write({
      ...packageFiles("endless", ""),
      "endless/package.json": { name: "endless", version: "1.0.0", scripts: { install: "node wait.cjs" } },
      "endless/wait.cjs": `require("node:fs").writeFileSync(${JSON.stringify(folder.at("pid"))}, String(process.pid));
        setInterval(() => {}, 1_000);`,
    });
    await using started = await start(folder);
    const npm = { packages: [`file:${folder.at("endless")}`], allowScripts: true };
    // On a busy machine npm itself may take longer than that to begin.
    for (let setupTimeoutMs = 2_000; pidIn(folder) === 0; setupTimeoutMs *= 2) {
      const task = started.tasks.pid.options({ runtimeEnv: { npm, setupTimeoutMs } })();
      await assert.rejects(
        started.runtime.get(task),
        failing("RUNTIME_ENV_SETUP_FAILED", new RegExp(`not done after ${setupTimeoutMs} ms`)),
      );
    }
    const pid = pidIn(folder);
    await eventually("the install is gone", () => !isRunning(pid));
    assert.deepEqual(entriesOf(folder), []);
  });

  test("shutdown ends an install that goes on", async () => {
    await using folder = await makeFolder();
    await folder.write({
      "endless/package.json": { name: "endless", version: "1.0.0", scripts: { install: "node wait.cjs" } },
      "endless/wait.cjs": `require("node:fs").writeFileSync(${JSON.stringify(folder.at("pid"))}, String(process.pid));
        setInterval(() => {}, 1_000);`,
    });
    const started = await start(folder);
    const npm = { packages: [`file:${folder.at("endless")}`], allowScripts: true };
    const failed = assert.rejects(
      started.runtime.get(started.tasks.pid.options({ runtimeEnv: { npm } })()),
      failing("CANCELLED", /shut down/),
    );
    const creation = assert.rejects(
      started.actors.Settings.options({ runtimeEnv: { npm } }).create(),
      failing("CANCELLED", /shut down/),
    );
    await eventually("the install script runs", () => pidIn(folder) > 0);
    await started.runtime.shutdown();
    await failed;
    await creation;
    const pid = pidIn(folder);
    await eventually("the install is gone", () => !isRunning(pid));
    assert.deepEqual(readdirSync(folder.at("cache")), ["uses"]);
    assert.deepEqual(readdirSync(folder.at("cache/uses")), []);
  });
});

suite("a worker's start", () => {
  test("the hook runs before the first task", async () => {
    await using folder = await makeFolder();
    await using started = await start(folder, { runtimeEnv: { setupHook: { module: HOOKS } } });
    assert.equal(await started.runtime.get(started.tasks.mark()), "by the hook");
  });

  test("a task that is cancelled while its worker starts is told when it has begun", async () => {
    await using folder = await makeFolder();
    await using started = await start(folder);
    const envVars = { FILE: folder.at("hook") };
    const runtimeEnv = { envVars, setupHook: { module: HOOKS, exportName: "waits" } };
    const task = started.tasks.untilCancelled.options({ runtimeEnv })(folder.at("told"));
    await eventually("the hook runs", () => readdirSync(folder.path).includes("hook-runs"));
    await started.runtime.cancel(task);
    await assert.rejects(started.runtime.get(task), failing("CANCELLED", /untilCancelled/));
    await folder.write({ "hook-go": "" });
    await eventually("the task ends", () => readdirSync(folder.path).includes("told"));
  });

  for (const [exportName, words] of [
    ["fails", /no such device/],
    ["exits", /a worker ended with exit code 7 before it was ready\n.*a last word/],
    ["missing", /exports no function of that name/],
    ["hangs", /a worker is not ready after 1500 ms/],
  ] as const) {
    test(`a hook that ${exportName} fails every task that waits, and actors`, async () => {
      await using folder = await makeFolder();
      await using started = await start(folder);
      const { runtime, tasks, actors } = started;
      const setupTimeoutMs = exportName === "hangs" ? 1_500 : 60_000;
      const runtimeEnv = { setupHook: { module: HOOKS, exportName }, setupTimeoutMs };
      const waiting = Array.from({ length: 20 }, () =>
        runtime.get(tasks.pid.options({ runtimeEnv, maxRetries: -1 })()),
      );
      const creation = actors.Settings.options({ runtimeEnv, maxRestarts: -1 }).create();
      const outcomes = (await Promise.allSettled([...waiting, creation])) as PromiseRejectedResult[];
      for (const { reason } of outcomes) {
        await assert.rejects(Promise.reject(reason), failing("RUNTIME_ENV_SETUP_FAILED", words));
      }
      assert.equal(typeof (await runtime.get(tasks.pid())), "number", "others go on, resources are back");
    });
  }

  test("a flag that Node does not know is told in Node's words", async () => {
    await using folder = await makeFolder();
    await using started = await start(folder);
    const runtimeEnv = { nodeFlags: ["--no-such-flag"] };
    await assert.rejects(
      started.runtime.get(started.tasks.pid.options({ runtimeEnv })()),
      failing("RUNTIME_ENV_SETUP_FAILED", /exit code 9[^]*bad option: --no-such-flag/),
    );
  });
});

/** What a script has written there of itself; 0 before, also when there is a file and nothing in it yet. */
function pidIn(folder: Folder): number {
  try {
    return Number(readFileSync(folder.at("pid"), "utf8"));
  } catch {
    return 0;
  }
}

/** Kinds of what is in the cache, unfinished work included. */
function entriesOf(folder: Folder): string[] {
  return readdirSync(join(folder.path, "cache"))
    .filter((name) => name !== "uses")
    .map((name) => name.replace(/-[0-9a-f]{32}$/, ""));
}
