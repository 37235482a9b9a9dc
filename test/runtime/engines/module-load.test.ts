// Loading user modules: which class, in what order, and how a failure is told.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { type EngineSpec, loadEngine } from "../../../runtime/engines/index.ts";
import { all, FIXTURES, Folder, floats, moduleSpec, never, open, texts } from "./support.ts";

const fixture = (name: string, more: Partial<EngineSpec> = {}) =>
  moduleSpec(join(FIXTURES, "modules", name), more);

async function failure(spec: EngineSpec): Promise<ShoalError> {
  try {
    await loadEngine(spec, never, { log: silentLog });
  } catch (error) {
    if (error instanceof ShoalError) return error;
    throw error;
  }
  return assert.fail("the module loaded");
}

test("a TypeScript class, with user_config, reconfigure and check", async () => {
  await using engine = await open(fixture("doubler.ts", { userConfig: 3, maxBatchSize: 4 }));
  assert.equal(engine.signature.batchable, true);
  assert.equal(engine.signature.platform, "shoal_module");
  assert.equal(await engine.warmUp(), undefined);
  const run = async () => [
    ...new Float32Array((await engine.run([floats("x", [1, 2], 1, 2)], all))[0]?.bytes.slice().buffer ?? []),
  ];
  assert.deepEqual(await run(), [3, 6]);
  await engine.reconfigure?.(10);
  assert.deepEqual(await run(), [10, 20]);
  await engine.check?.();
  await engine.reconfigure?.("x");
  assert(engine.check !== undefined);
  const message = 'Doubler.check() of deployment "demo" failed: the factor is no number';
  await assert.rejects(engine.check(), { code: "ENGINE_FAILED", message });
  assert.equal("fetch" in engine, false);
});

test("a JavaScript class, with a static signature and fetch", async () => {
  await using engine = await open(fixture("shout.js"));
  assert.equal(engine.signature.batchable, false, "no batches of one");
  const [output] = await engine.run([texts("text", [2], ["é", ""])], all);
  assert.deepEqual(output, texts("loud", [2], ["É", ""]));
  const response = await engine.fetch?.(new Request("http://x/", { method: "POST", body: "hi" }));
  assert.equal(await response?.text(), "HI");
  assert.deepEqual(["check" in engine, "reconfigure" in engine], [false, false]);
});

for (const [what, source, options] of [
  [
    "the named export",
    "export class A { infer() {} } export class B { infer() { return { b: ['b'] } } }",
    { export: "B" },
  ],
  [
    "the only class",
    "export const n = 1; export function f() {} export class B { infer() { return { b: ['b'] } } }",
    {},
  ],
  [
    "the default export beside others",
    "export class A { infer() {} } export class C { infer() {} } export default class B { infer() { return { b: ['b'] } } }",
    { export: "default" },
  ],
  ["an anonymous default export", "export default class { infer() { return { b: ['b'] } } }", {}],
  ["one class under two names", "export class B { infer() { return { b: ['b'] } } } export default B;", {}],
  [
    "an old-style constructor by name",
    "export function B() { this.infer = () => ({ b: ['b'] }) }",
    { export: "B" },
  ],
] as const) {
  test(`the class is ${what}`, async () => {
    using folder = new Folder();
    await using engine = await open(moduleSpec(folder.write("m.mjs", source), { options }));
    assert.deepEqual(await engine.run([], all), [texts("b", [1], ["b"])]);
  });
}

for (const [source, options, message] of [
  [
    "export class A { infer() {} } export class B { infer() {} }",
    {},
    /found 2 classes \(A, B\), wanted one, or its name behind the path as in "m\.mjs:Name"/,
  ],
  ["export const x = 1;", {}, /found no class among its exports \(x\)/],
  ["", {}, /found no class among its exports \(nothing\)/],
  ["export class A { infer() {} }", { export: "Z" }, /found no export "Z" among A, wanted a class/],
  ["export const A = 1;", { export: "A" }, /found "A" to be no class/],
  ["export class A { start() {} }", {}, /constructing A failed: found neither infer\(\) nor fetch\(\) on A/],
  ["export class A { infer = 3 }", {}, /found A\.infer to be 3, wanted a method/],
  [
    "export class A {\n constructor() {\n throw new Error('no disk') } infer() {} }",
    {},
    /constructing A failed: no disk \(at m\.mjs:3\)$/,
  ],
  [
    "export class A { infer() {}\n start() { throw new Error('no weights') } }",
    {},
    /"m\.mjs" of deployment "demo": A\.start\(\) failed: no weights \(at m\.mjs:2\)$/,
  ],
  ["export class A { infer() {} async start() { throw 'a text' } }", {}, /A\.start\(\) failed: a text$/],
  ["throw new Error('at once')", {}, /importing it failed: at once \(at m\.mjs:1\)$/],
  ["\nexport class {", {}, /importing it failed: Unexpected token '\{' \(at m\.mjs:2\)$/],
  ["import 'nothing-of-this-name';", {}, /importing it failed: Cannot find package 'nothing-of-this-name'/],
  [
    "export class A { infer() {} signature = 4 }",
    {},
    /reading A\.signature failed: found 4, wanted \{inputs, outputs\}/,
  ],
  [
    "export class A { infer() {} signature = { inputs: [{ name: 'x', datatype: 'float', shape: [1] }] } }",
    {},
    /found "float" for inputs\[0\]\.datatype, wanted a V2 datatype such as FP32/,
  ],
  [
    "export class A { infer() {} signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-2] }] } }",
    {},
    /found \[-2\] for inputs\[0\]\.shape/,
  ],
  [
    "export class A { infer() {} signature = { inputs: [null] } }",
    {},
    /found undefined for inputs\[0\]\.name/,
  ],
] as const) {
  test(`refused: ${source.trim() || "an empty file"} ${JSON.stringify(options)}`, async () => {
    using folder = new Folder();
    const error = await failure(moduleSpec(folder.write("m.mjs", source), { options }));
    assert.equal(error.code, "MODEL_LOAD_FAILED");
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, / {4}at /, "no stack in the message");
  });
}

test("the user's stack is kept for logs (module-load 2)", async () => {
  using folder = new Folder();
  const source = "export class A { infer() {} start() { throw new Error('no weights') } }";
  const error = await failure(moduleSpec(folder.write("m.mjs", source)));
  assert.match(error.toWire().remoteStack ?? "", /no weights[\s\S]*m\.mjs:1/);
});

test("a missing file, a folder and wrong options", async () => {
  using folder = new Folder();
  const missing = await failure(moduleSpec(join(folder.path, "m.ts")));
  assert.equal(
    missing.message,
    'Cannot load module "m.ts" of deployment "demo": found no such file, wanted a module',
  );
  assert.match((await failure(moduleSpec(folder.path))).message, /found a folder, wanted a file/);
  const wrong = await failure(fixture("shout.js", { options: { exports: "Shout" } }));
  assert.equal(wrong.code, "INVALID_CONFIG");
  assert.match(wrong.message, /"engine_options\.exports" .*found an unknown key, wanted one of export/);
});

test("TypeScript that Node cannot strip is told by file and reason", async () => {
  using folder = new Folder();
  const error = await failure(
    moduleSpec(folder.write("m.ts", "export enum E { A }\nexport class B { infer() {} }")),
  );
  assert.match(error.message, /importing it failed: .*enum/);
});

test("start gets its context; dispose aborts the signal, then stops, once", async () => {
  using folder = new Folder();
  const source = `export class A {
    start(context) { this.context = context; this.events = [];
      context.signal.addEventListener("abort", () => this.events.push("abort")); }
    infer() { const { deployment, replicaId, numCpus, userConfig } = this.context;
      return { seen: [JSON.stringify({ deployment, replicaId, numCpus, userConfig, log: typeof this.context.log.info })] }; }
    stop() { this.events.push("stop"); this.context.userConfig.told(this.events); throw new Error("ignored"); }
  }`;
  const told: string[][] = [];
  const userConfig = { told: (events: string[]) => told.push(events) };
  const engine = await open(
    moduleSpec(folder.write("m.mjs", source), { userConfig, replicaId: "r1", numCpus: 0.5 }),
  );
  const seen = { deployment: "demo", replicaId: "r1", numCpus: 0.5, userConfig: {}, log: "function" };
  assert.deepEqual(await engine.run([], all), [texts("seen", [1], [JSON.stringify(seen)])]);
  await Promise.all([engine.dispose(), engine.dispose()]);
  assert.deepEqual(told, [["abort", "stop"]]);
});

test("giving up while a module starts aborts its signal", async () => {
  using folder = new Folder();
  const source = `export class A { infer() {}
    start({ signal, userConfig }) { return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason)); userConfig.started(); }); } }`;
  const stop = new AbortController();
  const userConfig = { started: () => stop.abort(new Error("enough")) };
  const loading = loadEngine(moduleSpec(folder.write("m.mjs", source), { userConfig }), stop.signal);
  await assert.rejects(loading, { code: "CANCELLED" });
});
