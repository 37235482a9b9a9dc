// Running user modules: how tensors come, what may be given back, and whose fault a failure is.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bytesOf, DATATYPES, isDatatype, type Tensor } from "../../../runtime/base/index.ts";
import type { Engine, EngineSpec } from "../../../runtime/engines/index.ts";
import { all, Folder, floats, moduleSpec, never, open, tensor, texts } from "./support.ts";

/** A module whose `infer(inputs, context)` has the given body, `this.user` being `userConfig`. */
async function inferring(body: string, more: Partial<EngineSpec> = {}, members = ""): Promise<Engine> {
  using folder = new Folder(); // the module is in memory once it is loaded
  const source = `export class M { ${members} start(c) { this.user = c.userConfig } infer(inputs, context) { ${body} } }`;
  return await open(moduleSpec(folder.write("m.mjs", source), more));
}

async function giving(value: unknown, more: Partial<EngineSpec> = {}, members = ""): Promise<Tensor[]> {
  const engine = await inferring("return this.user", { userConfig: value, ...more }, members);
  return engine.run([floats("x", [2, 1], 1, 2)], all);
}

for (const datatype of Object.keys(DATATYPES).filter(isDatatype)) {
  if (datatype === "BYTES") continue;
  test(`${datatype}: what comes in can be given back unchanged`, async () => {
    const engine = await inferring("const { x } = inputs; return { x: { ...x } }");
    const size = DATATYPES[datatype].elementBytes;
    const element = fc.integer({ min: 0, max: datatype === "BOOL" ? 1 : 255 });
    const bytes = fc
      .array(element, { maxLength: 64 })
      .map((list) => list.slice(0, list.length - (list.length % size)));
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(7), async (list, offset) => {
        // A BF16 NaN may come back as another NaN: it was a number in between.
        if (datatype === "BF16") list = list.map((value, index) => (index % 2 === 1 ? value & 0xbf : value));
        const memory = Uint8Array.from([...new Uint8Array(offset), ...list]);
        const shape = [list.length / size];
        const [output] = await engine.run(
          [{ name: "x", datatype, shape, bytes: memory.subarray(offset) }],
          all,
        );
        assert.deepEqual(
          { ...output, bytes: [...(output?.bytes ?? [])] },
          { name: "x", datatype, shape, bytes: list },
        );
      }),
      { numRuns: 40 },
    );
  });
}

test("aligned elements are a view on the request's bytes (module-inputs 1)", async () => {
  const seen: unknown[] = [];
  const engine = await inferring("this.user.push(inputs.x.data.buffer); return {}", { userConfig: seen });
  const data = new Float32Array(2);
  await engine.run([tensor("x", "FP32", [2], data)], all);
  assert.equal(seen[0], data.buffer);
});

test("a BOOL that is neither 0 nor 1 is the request's fault", async () => {
  const engine = await inferring("return { y: inputs.x.data }");
  await assert.rejects(engine.run([tensor("x", "BOOL", [3], Uint8Array.of(1, 0, 2))], all), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot read input "x": found 2 in element 2, wanted 0 or 1 for BOOL',
  });
});

for (const output of ["toString", "constructor", "__proto__"]) {
  test(`the output "${output}", which every object has, is unknown where the module did not give it`, async () => {
    const engine = await inferring("return { y: inputs.x }");
    const asked = engine.run([floats("x", [1], 1)], { ...all, outputs: [output] });
    await assert.rejects(asked, { code: "INVALID_ARGUMENT", message: /found no output/ });
  });
}

test("BYTES come as text, and as they are; text that is not UTF-8 is the request's fault", async () => {
  const broken = texts("x", [2], ["a", Uint8Array.of(0xff)]);
  const raw = await inferring("return { y: { data: inputs.x.raw } }");
  assert.deepEqual(await raw.run([broken], all), [{ ...broken, name: "y" }]);
  const text = await inferring("return { y: inputs.x.data }");
  assert.deepEqual(await text.run([texts("x", [2], ["é\0", ""])], all), [texts("y", [2], ["é\0", ""])]);
  const message = 'Cannot read input "x": found bytes that are not UTF-8 in element 1, wanted text';
  await assert.rejects(text.run([broken], all), { code: "INVALID_ARGUMENT", message });
});

const f32 = bytesOf(Float32Array.of(1, 2));
for (const [what, given, wanted] of [
  ["a typed array", Float32Array.of(1, 2), { datatype: "FP32", shape: [2], bytes: f32 }],
  ["a Buffer", Buffer.of(1, 2), { datatype: "UINT8", shape: [2], bytes: Uint8Array.of(1, 2) }],
  ["texts", ["a", ""], texts("y", [2], ["a", ""])],
  ["booleans", [true, false], { datatype: "BOOL", shape: [2], bytes: Uint8Array.of(1, 0) }],
  [
    "data and shape",
    { shape: [1, 2], data: Float32Array.of(1, 2) },
    { datatype: "FP32", shape: [1, 2], bytes: f32 },
  ],
  [
    "numbers with a datatype",
    { datatype: "FP32", data: [1, 2] },
    { datatype: "FP32", shape: [2], bytes: f32 },
  ],
  [
    "whole numbers as INT64",
    { datatype: "INT64", data: [1, -2n] },
    { datatype: "INT64", shape: [2], bytes: bytesOf(BigInt64Array.of(1n, -2n)) },
  ],
  [
    "numbers as BF16",
    { datatype: "BF16", data: [1] },
    { datatype: "BF16", shape: [1], bytes: Uint8Array.of(0x80, 0x3f) },
  ],
  [
    "bits as BF16",
    { datatype: "BF16", data: Uint16Array.of(0x3f80) },
    { datatype: "BF16", shape: [1], bytes: Uint8Array.of(0x80, 0x3f) },
  ],
  [
    "a scalar",
    { datatype: "INT8", shape: [], data: [-1] },
    { datatype: "INT8", shape: [], bytes: Uint8Array.of(255) },
  ],
] as const) {
  test(`an output may be ${what}`, async () => {
    const [output] = await giving({ y: given });
    assert.deepEqual(
      { ...output, bytes: [...(output?.bytes ?? [])] },
      { name: "y", ...wanted, bytes: [...wanted.bytes] },
    );
  });
}

const circle: { self?: unknown } = {};
circle.self = circle;
for (const [given, message] of [
  [undefined, "gave undefined, wanted an object with one entry per output"],
  [[1], "gave [1], wanted an object with one entry per output"],
  [{ y: Number.NaN }, 'output "y": found NaN, wanted {datatype, shape, data}, a typed array or a list'],
  [
    { y: 10n ** 30n },
    `output "y": found 1${"0".repeat(30)}n, wanted {datatype, shape, data}, a typed array or a list`,
  ],
  [
    { y: circle },
    'output "y": found [object Object], wanted {datatype, shape, data}, a typed array or a list',
  ],
  [{ y: 3 }, 'output "y": found 3, wanted {datatype, shape, data}, a typed array or a list'],
  [{ y: [1, 2] }, 'output "y": found a list of number without a datatype, wanted {datatype, shape, data}'],
  [{ y: { data: "abc" } }, 'output "y": found "abc" for data, wanted a typed array or a list'],
  [
    { y: { datatype: "float32", data: [1] } },
    /output "y": found datatype "float32", wanted one of BOOL, UINT8/,
  ],
  [
    { y: { datatype: "INT32", data: Float32Array.of(1) } },
    'output "y": found Float32Array for INT32, wanted Int32Array',
  ],
  [
    { y: { datatype: "INT32", data: [1, 1.5] } },
    'output "y": found 1.5 in element 1, wanted a value of INT32',
  ],
  [{ y: { datatype: "UINT8", data: [300] } }, 'output "y": found 300 in element 0, wanted a value of UINT8'],
  [
    { y: { datatype: "UINT64", data: [-1n] } },
    'output "y": found -1n in element 0, wanted a value of UINT64',
  ],
  [{ y: { datatype: "BOOL", data: [0, 2] } }, 'output "y": found 2 in element 1, wanted a value of BOOL'],
  [{ y: { datatype: "FP32", data: ["1"] } }, 'output "y": found "1" in element 0, wanted a value of FP32'],
  [{ y: { datatype: "BYTES", data: ["a", 1] } }, 'output "y": found 1 in element 1, wanted a value of BYTES'],
  [
    { y: { datatype: "BYTES", data: Uint8Array.of(1) } },
    'output "y": found Uint8Array for BYTES, wanted a list of texts and Uint8Arrays',
  ],
  [{ y: { shape: [3], data: Float32Array.of(1) } }, 'output "y": found 1 elements, wanted 3 for shape [3]'],
  [{ y: { shape: [-1], data: Float32Array.of(1) } }, /output "y": .*found -1, wanted whole numbers/],
  [{ y: { shape: 1, data: Float32Array.of(1) } }, 'output "y": found shape 1, wanted a list of sizes'],
] as const) {
  test(`an output is refused: ${message} (module 1, module-outputs 1)`, async () => {
    const wanted = typeof message === "string" ? `M.infer() of deployment "demo": ${message}` : message;
    await assert.rejects(giving(given), { code: "ENGINE_FAILED", message: wanted });
  });
}

const SIGNED = `static signature = { inputs: [{ name: "x", datatype: "FP32", shape: [-1, 1] }],
  outputs: [{ name: "y", datatype: "INT8", shape: [-1] }] };`;

const signed = (value: unknown) => giving(value, {}, SIGNED);

test("a signature gives outputs their datatype and is kept to", async () => {
  assert.deepEqual(await signed({ y: [1, 2], extra: 3 }), [tensor("y", "INT8", [2], Int8Array.of(1, 2))]);
  const fails = (value: unknown, message: RegExp) =>
    assert.rejects(signed(value), { code: "ENGINE_FAILED", message });
  await fails({ z: [1] }, /gave no output "y", only z$/);
  await fails(
    { y: { datatype: "FP32", data: [1] } },
    /output "y": found datatype FP32, wanted INT8 as the signature says/,
  );
  await fails({ y: { shape: [2, 1], data: [1, 2] } }, /output "y": found shape \[2,1\], wanted \[-1\]/);
});

test("rows in must be rows out when batching is on (module 2)", async () => {
  const message = /output "y": found shape \[3\], wanted 2 rows as in the input \(batching is on\)/;
  await assert.rejects(giving({ y: Float32Array.of(1, 2, 3) }, { maxBatchSize: 8 }), {
    code: "ENGINE_FAILED",
    message,
  });
  assert.equal((await giving({ y: Float32Array.of(1, 2) }, { maxBatchSize: 8 })).length, 1);
});

test("a module hears which outputs are wanted, and only those are read", async () => {
  const engine = await inferring("return { seen: [...context.outputs], broken: 3 }");
  const context = { signal: never, outputs: ["seen"] };
  assert.deepEqual(await engine.run([], context), [texts("seen", [1], ["seen"])]);
  await assert.rejects(engine.run([], { signal: never, outputs: ["nope"] }), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot run deployment "demo": found no output "nope", wanted some of seen, broken',
  });
});

for (const [thrown, code, message] of [
  ["new Error('out of memory')", "ENGINE_FAILED", 'M.infer() of deployment "demo" failed: out of memory'],
  ["'a text'", "ENGINE_FAILED", 'M.infer() of deployment "demo" failed: a text'],
  ["Object.assign(new Error('too long'), { code: 'INVALID_ARGUMENT' })", "INVALID_ARGUMENT", "too long"],
  ["{ status: 422, message: 'no' }", "INVALID_ARGUMENT", '{"status":422,"message":"no"}'],
  ["Object.assign(new Error('no such user'), { status: 404 })", "NOT_FOUND", "no such user"],
  [
    "Object.assign(new Error('mine'), { status: 500 })",
    "ENGINE_FAILED",
    'M.infer() of deployment "demo" failed: mine',
  ],
] as const) {
  test(`throwing ${thrown} is ${code} (module-errors 1)`, async () => {
    const engine = await inferring(`throw ${thrown}`);
    await assert.rejects(engine.run([], all), { code, message });
  });
}

test("an aborted run does not begin, and one that stops for its signal is cancelled", async () => {
  const calls: string[] = [];
  const engine = await inferring(
    "this.user.push('call'); return new Promise((_, no) => context.signal.addEventListener('abort', () => no(context.signal.reason)))",
    { userConfig: calls },
  );
  await assert.rejects(engine.run([], { signal: AbortSignal.abort(), outputs: [] }), { code: "CANCELLED" });
  assert.deepEqual(calls, []);
  const stop = new AbortController();
  const running = engine.run([], { signal: stop.signal, outputs: [] });
  stop.abort();
  await assert.rejects(running, { code: "CANCELLED" });
});

test("a module with fetch alone runs no tensors; what is no Response is refused", async () => {
  using folder = new Folder();
  const source =
    "export class Page { fetch(request) { return request.method === 'GET' ? new Response('hi') : 'hi'; } }";
  await using engine = await open(moduleSpec(folder.write("m.mjs", source)));
  await assert.rejects(engine.run([], all), {
    code: "UNSUPPORTED",
    message: /Cannot run Page: it has no infer\(\)/,
  });
  assert.equal(await (await engine.fetch?.(new Request("http://x/")))?.text(), "hi");
  assert(engine.fetch !== undefined);
  await assert.rejects(engine.fetch(new Request("http://x/", { method: "POST" })), {
    code: "ENGINE_FAILED",
    message: 'Page.fetch() of deployment "demo": found "hi", wanted a Response',
  });
});
