// Large outputs in memory that was given beforehand: the same answers, there when they can be and nowhere else.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Tensor } from "../../../runtime/base/index.ts";
import type { Engine } from "../../../runtime/engines/index.ts";
import { node, type OnnxGraph, value, weights, writeModel } from "../../../loadtests/models/onnx-model.ts";
import { floats, Folder, never, onnxSpec, open, tensor } from "./support.ts";

const folder = new Folder();
after(() => folder[Symbol.dispose]());

const ROWS = 3;
const COLUMNS = 200_000;

async function engineOf(name: string, graph: Omit<OnnxGraph, "name">): Promise<Engine & AsyncDisposable> {
  const path = folder.write(`${name}.onnx`, "");
  await writeModel(path, { name, ...graph });
  return await open(onnxSpec("", { path }));
}

class Room {
  readonly asked: number[] = [];
  bytes: Uint8Array | undefined;

  readonly take = (byteLength: number): Uint8Array => {
    this.asked.push(byteLength);
    this.bytes = new Uint8Array(byteLength);
    return this.bytes;
  };
}

function input(rows = ROWS): Tensor {
  const values = Float32Array.from({ length: rows * COLUMNS }, (_, index) => (index % 7) - 3);
  return tensor("x", "FP32", [rows, COLUMNS], values);
}

async function both(engine: Engine, inputs: readonly Tensor[], room: Room): Promise<[Tensor[], Tensor[]]> {
  const plain = await engine.run(inputs, { signal: never, outputs: [] });
  return [plain, await engine.run(inputs, { signal: never, outputs: [], room: room.take })];
}

const x = value("x", "FP32", ["batch", "n"]);

describe("room for the outputs of a run", () => {
  test("is where they lie, behind each other, with what they are without it", async () => {
    await using engine = await engineOf("two", {
      inputs: [x],
      outputs: [value("y", "FP32", ["batch", "n"]), value("z", "FP32", ["batch", COLUMNS])],
      nodes: [node("Neg", { inputs: ["x"], outputs: ["y"] }), node("Abs", { inputs: ["x"], outputs: ["z"] })],
    });
    const room = new Room();
    const [plain, placed] = await both(engine, [input()], room);
    assert.deepEqual(room.asked, [2 * ROWS * COLUMNS * 4]);
    assert.deepEqual(
      placed.map(({ name, shape, bytes }) => [
        name,
        shape,
        bytes.buffer === room.bytes?.buffer,
        bytes.byteOffset,
      ]),
      [
        ["y", [ROWS, COLUMNS], true, 0],
        ["z", [ROWS, COLUMNS], true, ROWS * COLUMNS * 4],
      ],
    );
    placed.forEach(({ bytes }, index) => assert(Buffer.from(plain[index]?.bytes ?? []).equals(bytes)));
    assert.equal(
      (await engine.run([input()], { signal: never, outputs: ["z"], room: room.take }))[0]?.name,
      "z",
    );
  });

  test("is written where an output is an input that was passed on", async () => {
    await using engine = await engineOf("pass", {
      inputs: [x],
      outputs: [value("y", "FP32", ["batch", "n"])],
      nodes: [node("Identity", { inputs: ["x"], outputs: ["y"] })],
    });
    const room = new Room();
    const [plain, [placed]] = await both(engine, [input()], room);
    assert.equal(placed?.bytes.buffer, room.bytes?.buffer);
    assert(Buffer.from(plain[0]?.bytes ?? []).equals(placed?.bytes ?? new Uint8Array()));
  });

  test("is written where an output is a constant", async () => {
    const values = Float32Array.from({ length: 2 * COLUMNS }, (_, index) => index);
    await using engine = await engineOf("constant", {
      inputs: [x],
      outputs: [value("y", "FP32", [2, COLUMNS]), value("z", "FP32", ["batch", "n"])],
      nodes: [
        node("Identity", { inputs: ["c"], outputs: ["y"] }),
        node("Neg", { inputs: ["x"], outputs: ["z"] }),
      ],
      initializers: [weights("c", [2, COLUMNS], values)],
    });
    const room = new Room();
    const [, [placed]] = await both(engine, [input()], room);
    assert.equal(placed?.bytes.buffer, room.bytes?.buffer);
    assert(Buffer.from(values.buffer).equals(placed?.bytes ?? new Uint8Array()));
  });

  test("is not asked for when outputs are small, or their shape is not known beforehand", async () => {
    await using small = await open(onnxSpec("identity-fp32.onnx"));
    await using unknown = await engineOf("unknown", {
      inputs: [x],
      outputs: [value("y", "FP32", ["batch", "m"])],
      nodes: [node("Neg", { inputs: ["x"], outputs: ["y"] })],
    });
    const room = new Room();
    await both(small, [floats("x", [1, 2], 1, 2)], room);
    await both(unknown, [input()], room);
    assert.deepEqual(room.asked, []);
  });

  test("that turns out to be of the wrong shape costs one run more, once, and nothing else", async () => {
    await using engine = await engineOf("lies", {
      inputs: [x],
      outputs: [value("y", "FP32", ["n", "batch"])], // as exporters name dimensions at times
      nodes: [node("Neg", { inputs: ["x"], outputs: ["y"] })],
    });
    const room = new Room();
    const [[plain], [placed]] = await both(engine, [input()], room);
    assert.deepEqual(placed?.shape, [ROWS, COLUMNS]);
    assert(Buffer.from(plain?.bytes ?? []).equals(placed?.bytes ?? new Uint8Array()));
    assert.notEqual(placed?.bytes.buffer, room.bytes?.buffer);
    await both(engine, [input()], room);
    assert.equal(room.asked.length, 1);
  });
});
