// The onnx engine on real models: elements in and out, outputs wanted, failures, the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DATATYPES, isDatatype, type Tensor } from "../../../runtime/base/index.ts";
import { all, floats, never, onnxSpec, open, tensor, texts } from "./support.ts";

const FIXED = Object.keys(DATATYPES)
  .filter(isDatatype)
  .filter((datatype) => datatype !== "BYTES" && datatype !== "BF16");

for (const datatype of FIXED) {
  test(`${datatype}: any bytes, at any offset, come back unchanged`, async () => {
    await using engine = await open(onnxSpec(`identity-${datatype.toLowerCase()}.onnx`));
    const size = DATATYPES[datatype].elementBytes;
    const element = fc.integer({ min: 0, max: datatype === "BOOL" ? 1 : 255 });
    const input = fc.record({ rows: fc.nat(5), columns: fc.nat(7), offset: fc.nat(9) }).chain((layout) => {
      const length = layout.rows * layout.columns * size;
      const bytes = fc.array(element, { minLength: length, maxLength: length });
      return fc.record({ layout: fc.constant(layout), bytes });
    });
    await fc.assert(
      fc.asyncProperty(input, async ({ layout, bytes }) => {
        const memory = new Uint8Array(layout.offset + bytes.length);
        memory.set(bytes, layout.offset);
        const shape = [layout.rows, layout.columns];
        const [output] = await engine.run(
          [{ name: "x", datatype, shape, bytes: memory.subarray(layout.offset) }],
          all,
        );
        assert.deepEqual(plain(output), { name: "y", datatype, shape, bytes });
      }),
      { numRuns: 60 },
    );
  });
}

function plain(output: Tensor | undefined): object {
  return { ...output, shape: [...(output?.shape ?? [])], bytes: [...(output?.bytes ?? [])] };
}

test("strings come back unchanged: unicode, empty, byte order marks (onnx-tensors 3)", async () => {
  await using engine = await open(onnxSpec("identity-bytes.onnx"));
  const comesBack = async (elements: string[]): Promise<void> => {
    const given = texts("x", [elements.length, 1], elements);
    const [output] = await engine.run([given], all);
    assert.deepEqual(plain(output), plain({ ...given, name: "y" }));
  };
  await comesBack(["", "héllo", "日本", "😀", "\ufeffx"]);
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0"));
  await fc.assert(fc.asyncProperty(fc.array(text, { maxLength: 20 }), comesBack), { numRuns: 60 });
});

test("text that ORT could not carry is refused, naming the element (onnx-tensors 3)", async () => {
  await using engine = await open(onnxSpec("identity-bytes.onnx"));
  await assert.rejects(engine.run([texts("x", [2, 1], ["fine", Uint8Array.of(0xc3, 0x28)])], all), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot read input "x": found bytes that are not UTF-8 in element 1, wanted text',
  });
  await assert.rejects(engine.run([texts("x", [1, 1], ["a\0b"])], all), {
    code: "INVALID_ARGUMENT",
    message: /found a NUL character in element 0/,
  });
});

test("a BOOL that is neither 0 nor 1 is refused", async () => {
  await using engine = await open(onnxSpec("identity-bool.onnx"));
  await assert.rejects(engine.run([tensor("x", "BOOL", [1, 3], Uint8Array.of(1, 0, 2))], all), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot read input "x": found 2 in element 2, wanted 0 or 1 for BOOL',
  });
});

const row = Int32Array.from({ length: 16 }, (_, index) => index);
const ones = new Int32Array(16).fill(1);
const pair = [tensor("INPUT0", "INT32", [1, 16], row), tensor("INPUT1", "INT32", [1, 16], ones)];

test("two inputs, two outputs, in the model's order", async () => {
  await using engine = await open(onnxSpec("add-sub.onnx"));
  const outputs = await engine.run(pair, all);
  assert.deepEqual(
    outputs.map(({ name }) => name),
    ["OUTPUT0", "OUTPUT1"],
  );
  assert.deepEqual(outputs.map(ints), [row.map((value) => value + 1), row.map((value) => value - 1)]);
});

function ints({ bytes }: Tensor): Int32Array {
  return new Int32Array(bytes.slice().buffer);
}

test("only wanted outputs are given, and unknown ones are refused (onnx 2)", async () => {
  await using engine = await open(onnxSpec("add-sub.onnx"));
  const outputs = await engine.run(pair, { signal: never, outputs: ["OUTPUT1"] });
  assert.deepEqual(
    outputs.map(({ name }) => name),
    ["OUTPUT1"],
  );
  await assert.rejects(engine.run(pair, { signal: never, outputs: ["OUTPUT2"] }), {
    code: "INVALID_ARGUMENT",
    message: 'Cannot run deployment "demo": found no output "OUTPUT2", wanted some of OUTPUT0, OUTPUT1',
  });
});

test("inputs of another name, datatype or number are refused", async () => {
  await using engine = await open(onnxSpec("add-sub.onnx"));
  const [first, second] = pair;
  assert(first !== undefined && second !== undefined);
  const refusals = [
    { inputs: [first], message: /found 1 inputs, wanted INPUT0, INPUT1/ },
    { inputs: [first, { ...second, name: "z" }], message: /found input "z", wanted INPUT0, INPUT1/ },
    {
      inputs: [first, { ...second, datatype: "FP32" as const }],
      message: /found FP32 for input "INPUT1", wanted INT32/,
    },
  ];
  for (const { inputs, message } of refusals) {
    await assert.rejects(engine.run(inputs, all), { code: "INVALID_ARGUMENT", message });
  }
});

const index = (...values: bigint[]): Tensor =>
  tensor("index", "INT64", [values.length], BigInt64Array.from(values));

test("a row the model cannot take fails the run, in words fit for a client", async () => {
  await using engine = await open(onnxSpec("gather.onnx"));
  await assert.rejects(engine.run([index(1n, 9n)], all), {
    code: "ENGINE_FAILED",
    message:
      'Cannot run model "gather.onnx" of deployment "demo": Gather node: indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]',
  });
  const [output] = await engine.run([index(1n)], all);
  assert.deepEqual(output && new Float32Array(output.bytes.slice().buffer), Float32Array.of(2, 3));
});

test("a failure has no path or C++ of ONNX Runtime in it (onnx-errors 1)", async () => {
  await using engine = await open(onnxSpec("demanding.onnx"));
  await assert.rejects(engine.run([floats("x", [1], 1)], all), {
    code: "ENGINE_FAILED",
    message:
      'Cannot run model "demanding.onnx" of deployment "demo": Reshape node: The input tensor cannot be reshaped to the requested shape. Input shape:{1}, requested shape:{-1,3}',
  });
});

test("a scalar, an open rank and external data", async () => {
  await using scalar = await open(onnxSpec("scalar.onnx"));
  assert.deepEqual(await shapesOf(scalar.run([floats("x", [], 3)], all)), [[]]);
  await using open_ = await open(onnxSpec("no-shape.onnx"));
  assert.deepEqual(await shapesOf(open_.run([floats("x", [1, 2, 1], 3, 4)], all)), [[1, 2, 1]]);
  await using external = await open(onnxSpec("external.onnx"));
  const [output] = await external.run([tensor("x", "FP32", [1, 512], new Float32Array(512))], all);
  assert.equal(output && new Float32Array(output.bytes.slice().buffer)[511], 511);
});

async function shapesOf(outputs: Promise<Tensor[]>): Promise<number[][]> {
  return (await outputs).map(({ shape }) => [...shape]);
}

test("an aborted run does not begin; a disposed engine runs no more (onnx 3)", async () => {
  const engine = await open(onnxSpec("fixed.onnx"));
  const input = floats("x", [2, 3], 1, 2, 3, 4, 5, 6);
  await assert.rejects(engine.run([input], { signal: AbortSignal.abort(), outputs: [] }), {
    code: "CANCELLED",
  });
  const running = engine.run([input], all);
  await Promise.all([engine.dispose(), engine.dispose(), running.catch(() => undefined)]);
  await engine.dispose();
  await assert.rejects(engine.run([input], all), { code: "ENGINE_FAILED", message: /its model is disposed/ });
});

test("what a run gave is not touched by the next one (onnx-tensors 1)", async () => {
  await using engine = await open(onnxSpec("identity-fp32.onnx"));
  const input = floats("x", [1, 2], 1, 2);
  const [first] = await engine.run([input], all);
  const [second] = await engine.run([floats("x", [1, 2], 3, 4)], all);
  assert(first !== undefined && second !== undefined);
  assert.deepEqual([...new Float32Array(first.bytes.slice().buffer)], [1, 2]);
  first.bytes.fill(0);
  assert.deepEqual([...new Float32Array(input.bytes.slice().buffer)], [1, 2]);
});
