import assert from "node:assert/strict";
import { mkdtempDisposable, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { BENCH_MODELS, mlp, writeBenchModels } from "../../loadtests/models/bench-models.ts";
import {
  encodeModel,
  node,
  type OnnxGraph,
  value,
  weights,
  writeModelWithExternalData,
} from "../../loadtests/models/onnx-model.ts";

function temporaryFolder() {
  return mkdtempDisposable(join(tmpdir(), "shoal-onnx-"));
}

function load(graph: OnnxGraph): Promise<InferenceSession> {
  return InferenceSession.create(encodeModel(graph));
}

test("1: the same description gives the same bytes", () => {
  const encoded = [mlp([4, 3, 2]), mlp([4, 3, 2])].map((graph) => Buffer.from(encodeModel(graph)));
  assert.ok(encoded[0]?.equals(encoded[1] ?? Buffer.alloc(0)));
});

test("a matrix product with its weights gives the product", async () => {
  const session = await load({
    name: "product",
    inputs: [value("x", "FP32", ["batch", 2])],
    outputs: [value("y", "FP32", ["batch", 3])],
    nodes: [node("MatMul", { inputs: ["x", "w"], outputs: ["y"] })],
    initializers: [weights("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
  });
  const { y } = await session.run({ x: new Tensor("float32", [1, 1, 2, 0], [2, 2]) });
  assert.deepEqual(y?.dims, [2, 3]);
  assert.deepEqual(y.data, Float32Array.of(5, 7, 9, 2, 4, 6));
});

test("every kind of attribute reaches the operation", async () => {
  const session = await load({
    name: "attributes",
    inputs: [value("x", "FP32", [1, 2])],
    outputs: [
      value("leaky", "FP32", [1, 2]),
      value("turned", "FP32", [2, 1]),
      value("cast", "INT64", [1, 2]),
      value("seven", "INT32", [1]),
      value("steps", "FP32", [2]),
      value("padded", "FP32", [1, 2]),
    ],
    nodes: [
      node("LeakyRelu", { inputs: ["x"], outputs: ["leaky"] }, { alpha: { float: 0.5 } }),
      node("Transpose", { inputs: ["x"], outputs: ["turned"] }, { perm: { ints: [1, 0] } }),
      node("Cast", { inputs: ["x"], outputs: ["cast"] }, { to: { int: 7 } }),
      node(
        "Constant",
        { inputs: [], outputs: ["seven"] },
        { value: { tensor: { name: "", datatype: "INT32", dims: [1], data: Int32Array.of(7) } } },
      ),
      node("Constant", { inputs: [], outputs: ["steps"] }, { value_floats: { floats: [0.5, 1.5] } }),
      node("Pad", { inputs: ["x", "pads"], outputs: ["padded"] }, { mode: { text: "reflect" } }),
    ],
    initializers: [{ name: "pads", datatype: "INT64", dims: [4], data: new BigInt64Array(4) }],
  });
  const results = await session.run({ x: new Tensor("float32", [-2, 3], [1, 2]) });
  assert.deepEqual(results["leaky"]?.data, Float32Array.of(-1, 3));
  assert.deepEqual(results["turned"]?.dims, [2, 1]);
  assert.deepEqual(results["cast"]?.data, BigInt64Array.of(-2n, 3n));
  assert.deepEqual(results["seven"]?.data, Int32Array.of(7));
  assert.deepEqual(results["steps"]?.data, Float32Array.of(0.5, 1.5));
  assert.deepEqual(results["padded"]?.data, Float32Array.of(-2, 3));
});

test("strings are constants too", async () => {
  const session = await load({
    name: "strings",
    inputs: [],
    outputs: [value("words", "BYTES", [2])],
    nodes: [node("Identity", { inputs: ["constant"], outputs: ["words"] })],
    initializers: [{ name: "constant", datatype: "BYTES", dims: [2], data: ["grüß", ""] }],
  });
  const { words } = await session.run({});
  assert.deepEqual(words?.data, ["grüß", ""]);
});

test("weights in a file beside the model are used, and needed", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "outside.onnx");
  const graph = mlp([64, 64, 2]);
  await writeModelWithExternalData(path, graph);
  const inside = encodeModel(graph).byteLength;
  assert.ok((await readFile(path)).byteLength < inside);
  const x = {
    input: new Tensor(
      "float32",
      Float32Array.from({ length: 64 }, (_, index) => index),
      [1, 64],
    ),
  };
  const apart = await (await InferenceSession.create(path)).run(x);
  const together = await (await load(graph)).run(x);
  assert.deepEqual(apart["output"]?.data, together["output"]?.data);
  await rm(`${path}.data`);
  await assert.rejects(InferenceSession.create(path));
});

test("the benchmark's models take what they say, give finite numbers, and rows do not mix", async () => {
  await using folder = await temporaryFolder();
  const paths = await writeBenchModels(folder.path);
  for (const { name, rowShape, outputElements } of Object.values(BENCH_MODELS)) {
    const session = await InferenceSession.create(paths.get(name) ?? "");
    const elements = rowShape.reduce((product, size) => product * size, 1);
    const row = Float32Array.from({ length: elements }, (_, index) => Math.sin(index));
    const two = new Float32Array(2 * elements);
    two.set(row, elements);
    const single = await session.run({ input: new Tensor("float32", row, [1, ...rowShape]) });
    const double = await session.run({ input: new Tensor("float32", two, [2, ...rowShape]) });
    assert.deepEqual(single["output"]?.dims, [1, outputElements], name);
    assert.deepEqual(double["output"]?.dims, [2, outputElements], name);
    const output = Array.from(single["output"].data, Number);
    const second = Array.from(double["output"].data, Number).slice(outputElements);
    assert.ok(output.every(Number.isFinite), name);
    assert.ok(new Set(output).size > outputElements / 2, `${name}: outputs differ`);
    const worst = Math.max(...output.map((found, index) => Math.abs(found - (second[index] ?? Number.NaN))));
    assert.ok(worst < 1e-3, `${name}: row 2 of 2 differs from the same row alone by ${worst}`);
  }
});
