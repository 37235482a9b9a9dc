// The digits example's model alone: what it takes and gives, and that each shipped sample gives its digit.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";

const folder = join(import.meta.dirname, "../../examples/digits");

async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder, path), "utf8")) as Record<string, unknown>;
}

let session: InferenceSession;
before(async () => {
  session = await InferenceSession.create(join(folder, "digits.onnx"));
});

async function classify(images: readonly number[][]): Promise<Record<string, Tensor>> {
  const image = new Tensor("float32", Float32Array.from(images.flat()), [images.length, 64]);
  return session.run({ image });
}

test("digits.onnx has the signature that its README states", () => {
  assert.deepEqual(session.inputMetadata, [
    { name: "image", isTensor: true, type: "float32", shape: ["batch", 64] },
  ]);
  assert.deepEqual(session.outputMetadata, [
    { name: "label", isTensor: true, type: "int64", shape: ["batch"] },
    { name: "probabilities", isTensor: true, type: "float32", shape: ["batch", 10] },
  ]);
});

for (let digit = 0; digit < 10; digit++) {
  test(`sample ${digit}.json is classified as ${digit}`, async () => {
    const { inputs } = await readJson(`samples/${digit}.json`);
    const images = inputs as number[][];
    assert.equal(images.length, 1);
    assert.equal(images[0]?.length, 64);
    const { label, probabilities } = await classify(images);
    assert.deepEqual(label?.data, BigInt64Array.of(BigInt(digit)));
    assert.deepEqual(probabilities?.dims, [1, 10]);
    const sum = Array.from(probabilities.data as Float32Array).reduce((total, share) => total + share, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5, `probabilities add up to ${sum}`);
  });
}

test("v2-request.json is three images: a three, a one and a four", async () => {
  const { inputs } = await readJson("samples/v2-request.json");
  const [tensor] = inputs as { name: string; shape: number[]; datatype: string; data: number[][] }[];
  assert.ok(tensor);
  assert.deepEqual([tensor.name, tensor.datatype, tensor.shape], ["image", "FP32", [3, 64]]);
  const { label } = await classify(tensor.data);
  assert.deepEqual(label?.data, BigInt64Array.of(3n, 1n, 4n));
});
