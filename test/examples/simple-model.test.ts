// The simple example's model alone, and that its script still makes it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";

const folder = join(import.meta.dirname, "../../examples/simple");

test("simple.onnx gives the sum and the difference of the sample request", async () => {
  const session = await InferenceSession.create(join(folder, "simple.onnx"));
  const request = JSON.parse(await readFile(join(folder, "samples/request.json"), "utf8")) as {
    inputs: { name: string; shape: number[]; datatype: string; data: number[] }[];
  };
  assert.deepEqual(
    request.inputs.map(({ name, shape, datatype }) => [name, shape, datatype]),
    [
      ["INPUT0", [1, 16], "INT32"],
      ["INPUT1", [1, 16], "INT32"],
    ],
  );
  const [first = [], second = []] = request.inputs.map(({ data }) => data);
  const tensor = (data: number[]): Tensor => new Tensor("int32", Int32Array.from(data), [1, 16]);
  const { OUTPUT0, OUTPUT1 } = await session.run({ INPUT0: tensor(first), INPUT1: tensor(second) });
  assert.deepEqual(
    OUTPUT0?.data,
    Int32Array.from(first, (number, index) => number + (second[index] ?? 0)),
  );
  assert.deepEqual(
    OUTPUT1?.data,
    Int32Array.from(first, (number, index) => number - (second[index] ?? 0)),
  );
  assert.deepEqual(session.inputMetadata[0], {
    name: "INPUT0",
    isTensor: true,
    type: "int32",
    shape: ["batch", 16],
  });
});
