// What of an environment is refused, how the rest is laid out, and how one is laid over another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRuntimeEnv, mergeEnvironments } from "../../../../runtime/core/environments/runtime-env.ts";
import { makeFolder } from "./support.ts";

const REFUSED: readonly (readonly [env: object, words: RegExp])[] = [
  [{ workingdir: "." }, /runtimeEnv: found "the field workingdir", wanted only envVars, workingDir,/],
  [{ envVars: ["A=1"] }, /runtimeEnv\.envVars: found \["A=1"\], wanted an object/],
  [{ envVars: { A: 1 } }, /envVars\.A: found 1, wanted a text/],
  [{ envVars: { "A=B": "1" } }, /envVars: found "A=B", wanted a name without "="/],
  [
    { envVars: { NODE_CHANNEL_FD: "3" } },
    /envVars: found "NODE_CHANNEL_FD", wanted a variable that is not Node's own/,
  ],
  [{ workingDir: "/not/there" }, /workingDir: found "\/not\/there", wanted a folder that is there/],
  [{ workingDir: import.meta.filename }, /workingDir: found ".*runtime-env.test.ts", wanted a folder$/],
  [{ workingDir: "https://example.com/x.zip" }, /workingDir: found "https:.*", wanted a path or a file URL/],
  [{ modules: import.meta.dirname }, /modules: found ".*", wanted a list/],
  [{ modules: [import.meta.dirname] }, /modules\[0\]: found ".*", wanted a folder with a package.json/],
  [{ npm: ["ms"] }, /npm\.packages\[0\]: found "ms", wanted an exact version such as ms@2\.1\.3/],
  [{ npm: ["ms@2.1.3", "ms@^2"] }, /npm\.packages\[1\]: found "ms@\^2"/],
  [{ npm: ["--global@1.0.0 x"] }, /npm\.packages\[0\]: found "--global@1\.0\.0 x"/],
  [{ npm: ["file:./not-there.tgz"] }, /npm\.packages\[0\]: found "file:\.\/not-there\.tgz"/],
  [{ npm: {} }, /npm: found \{\}, wanted either packages or packageJson/],
  [
    { npm: { packageJson: "/not/there/package.json" } },
    /npm\.packageJson: found .*, wanted a file that is there/,
  ],
  [
    { npm: { packageJson: import.meta.filename } },
    /npm\.packageJson: found .*, wanted a package-lock\.json beside it/,
  ],
  [{ npm: { packages: [], allowScripts: "yes" } }, /npm\.allowScripts: found "yes", wanted true or false/],
  [{ setupHook: { module: "/not/there.ts" } }, /setupHook\.module: found .*, wanted a file that is there/],
  [{ nodeFlags: ["--inspect=9229"] }, /nodeFlags\[0\]: found "--inspect=9229", wanted no inspector/],
  [{ nodeFlags: ["--inspect_brk"] }, /wanted no inspector/],
  [{ nodeFlags: ["--test"] }, /wanted a flag that lets Node run the worker/],
  [{ nodeFlags: ["--watch-path=."] }, /wanted a flag that lets Node run the worker/],
  [{ nodeFlags: ["--eval=1"] }, /wanted a flag that lets Node run the worker/],
  [{ nodeFlags: ["-e"] }, /wanted a flag that begins with two dashes/],
  [{ nodeFlags: ["--"] }, /wanted a flag that begins with two dashes/],
  [{ nodeFlags: ["--expose-gc", "script.js"] }, /nodeFlags\[1\]/],
  [{ nodeFlags: ["--import"] }, /wanted --import=<value>/],
  [{ setupTimeoutMs: 0 }, /setupTimeoutMs: found 0, wanted a number above 0, or -1/],
];

for (const [env, words] of REFUSED) {
  test(`refused: ${JSON.stringify(env).slice(0, 60)}`, () => {
    assert.throws(() => checkRuntimeEnv(env), { code: "INVALID_ARGUMENT", message: words });
  });
}

test("1: what passes is complete: absolute paths, defaults, and the same for the same in another order", async () => {
  await using folder = await makeFolder();
  await folder.write({ "pkg/package.json": { name: "pkg" }, "hook.ts": "", "x.tgz": "" });
  const checked = checkRuntimeEnv({
    envVars: { B: undefined, A: "1" },
    workingDir: new URL(`file://${folder.path}/pkg/`),
    modules: [folder.at("pkg/../pkg")],
    npm: ["ms@2.1.3", `file:${folder.at("x.tgz")}`, "@scope/a.b@1.0.0-rc.1"],
    setupHook: { module: folder.at("hook.ts") },
    nodeFlags: ["--max-old-space-size=64", "--import=./x.ts", "--expose-gc"],
    setupTimeoutMs: -1,
  });
  assert.equal(
    JSON.stringify(checked),
    JSON.stringify({
      envVars: { A: "1", B: null },
      workingDir: folder.at("pkg"),
      modules: [folder.at("pkg")],
      npm: {
        packages: ["@scope/a.b@1.0.0-rc.1", `file:${folder.at("x.tgz")}`, "ms@2.1.3"],
        allowScripts: false,
      },
      setupHook: { module: `file://${folder.at("hook.ts")}`, exportName: "setup" },
      nodeFlags: ["--max-old-space-size=64", "--import=./x.ts", "--expose-gc"],
      setupTimeoutMs: -1,
    }),
  );
});

test("variables are merged, other fields replaced, as Ray does it", () => {
  const base = { envVars: { A: "1", B: "1" }, nodeFlags: ["--expose-gc"], modules: ["/a"] };
  const over = { envVars: { B: null, C: "2" }, modules: ["/b"] };
  assert.deepEqual(mergeEnvironments(base, over), {
    envVars: { A: "1", B: null, C: "2" },
    nodeFlags: ["--expose-gc"],
    modules: ["/b"],
  });
  assert.equal(mergeEnvironments(undefined, over), over);
  assert.equal(mergeEnvironments(base, undefined), base);
});
