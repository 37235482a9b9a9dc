import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodePlain } from "../../../gateway/http/plain.ts";
import type { V2Context } from "../../../gateway/http/v2-request.ts";
import { bytesOf, type Tensor } from "../../../runtime/base/index.ts";
import { tensor, valuesOf } from "../../support/tensors.ts";
import {
  ADD_SUB,
  assertRefused,
  FakeDeployment,
  identity,
  LIMITS,
  open,
  openSimple,
  renamed,
} from "./support.ts";

const context = (signature: V2Context["signature"]): V2Context => ({ model: "m", signature, limits: LIMITS });
const decode = (text: string, signature: V2Context["signature"]): readonly Tensor[] =>
  decodePlain(Buffer.from(text), context(signature));

describe("plain JSON into tensors", () => {
  test("the shape is the nesting's, the datatype the model's", () => {
    const [one] = decode('{"inputs":[[1,2],[3,4]]}', identity("FP32"));
    assert.deepEqual(one?.shape, [2, 2]);
    assert.deepEqual(one && valuesOf(one), [1, 2, 3, 4]);
  });

  test("a bare list is the only input", () => {
    assert.deepEqual(decode("[[1,2]]", identity("INT8")).map(valuesOf), [[1, 2]]);
  });

  test("several inputs have names, in any order", () => {
    const inputs = decode('{"inputs":{"INPUT1":[[5,6,7,8]],"INPUT0":[[1,2,3,4]]}}', ADD_SUB);
    assert.deepEqual(
      inputs.map(({ name }) => name),
      ["INPUT0", "INPUT1"],
    );
    assert.deepEqual(inputs.map(valuesOf), [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    assert.deepEqual(decode('{"inputs":{"x":[[1,2]]}}', identity("INT8")).map(valuesOf), [[1, 2]]);
  });

  test("64-bit integers keep every digit; floats of as many are taken", () => {
    assert.deepEqual(decode("[[9007199254740993,1]]", identity("INT64")).map(valuesOf), [
      [9007199254740993n, 1n],
    ]);
    assert.deepEqual(decode("[[9007199254740993,1]]", identity("FP64")).map(valuesOf), [
      [9007199254740992, 1],
    ]);
  });

  for (const [name, text, signature, message] of [
    ["another shape", "[[1,2,3]]", identity("INT8"), /found shape \[1,3\] for input "x", wanted \[-1,2\]/],
    ["ragged lists", "[[1,2],[3]]", identity("INT8"), /found a list of 1 at \[1\]/],
    ["a missing input", '{"inputs":{"INPUT0":[[1,2,3,4]]}}', ADD_SUB, /found no input "INPUT1"/],
    [
      "an unknown input",
      '{"inputs":{"INPUT9":1}}',
      ADD_SUB,
      /found input "INPUT9", wanted "INPUT0", "INPUT1"/,
    ],
    [
      "a list for several",
      "[[1,2,3,4]]",
      ADD_SUB,
      /found a list as inputs, wanted an object with "INPUT0", "INPUT1"/,
    ],
    [
      "no inputs",
      '{"instances":[[1,2]]}',
      identity("INT8"),
      /found an object without "inputs", wanted \{"inputs": …\}/,
    ],
    ["a number", "7", identity("INT8"), /found 7 without "inputs"/],
    ["null for an input", '{"inputs":{"x":null}}', identity("INT8"), /found shape \[\] for input "x"/],
    ["a key of Object's", '{"inputs":{"__proto__":1}}', identity("INT8"), /found input "__proto__"/],
    [
      "a value out of range",
      "[[1,300]]",
      identity("INT8"),
      /found 300 as element 1, wanted a number of INT8/,
    ],
    [
      "too many elements",
      `[${"[1,1],".repeat(50_001)}[1,1]]`,
      identity("INT8"),
      /found 100004 elements, wanted at most/,
    ],
    ["deep nesting", "[".repeat(50), identity("INT8"), /more than 16 levels/],
  ] as const) {
    test(`${name} is refused`, () => {
      assert.throws(() => decode(text, signature), { code: "INVALID_ARGUMENT", message });
    });
  }
});

describe("the route of an application", () => {
  async function ask(deployment: FakeDeployment, line: string, body?: string): Promise<string> {
    await using door = await open([deployment]);
    using connection = await door.connect();
    await connection.request(line, { "content-type": "text/plain" }, body);
    const response = await connection.response();
    return `${response.status} ${response.body.toString()}`;
  }

  test("values in, values out, nested by the output's shape", async () => {
    for (const line of ["POST /app", "POST /app/", "POST /app?x=1"]) {
      const deployment = new FakeDeployment("app", identity("INT64"));
      deployment.replica.outputs = renamed;
      assert.equal(
        await ask(deployment, line, "[[9007199254740993,2]]"),
        '200 {"outputs":[[9007199254740993,2]]}',
      );
    }
  });

  test("several outputs have their names", async () => {
    await using door = await openSimple();
    const body = JSON.stringify({ inputs: { INPUT0: [[1, 2, 3, 4]], INPUT1: [[1, 1, 1, 1]] } });
    const response = await fetch(`${door.url}/simple`, { method: "POST", body });
    assert.deepEqual(await response.json(), {
      outputs: { OUTPUT0: [[2, 3, 4, 5]], OUTPUT1: [[0, 1, 2, 3]] },
    });
  });

  test("what JSON has not is refused, and V2 is named as the way to it", async () => {
    const deployment = new FakeDeployment("app", identity("FP32"));
    deployment.replica.outputs = ([x]) => [
      { name: "y", datatype: "FP32", shape: x?.shape ?? [], bytes: bytesOf(Float32Array.of(1, Number.NaN)) },
    ];
    assert.match(await ask(deployment, "POST /app", "[[1,2]]"), /^406 .*element 1 is NaN/);
  });

  test("a model without a signature has none", async () => {
    const deployment = new FakeDeployment("app", { inputs: [], outputs: [], batchable: false, platform: "" });
    assert.match(await ask(deployment, "POST /app", "[1]"), /^501 .*use \/v2\/models\/app\/infer/);
  });

  test("only POST, only at its own path", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await connection.request("GET /simple");
    const get = await connection.response();
    assertRefused(get, 405, /Cannot GET \/simple: wanted POST/);
    assert.equal(get.headers["allow"], "POST, OPTIONS");
    await connection.request("POST /simple/below", {}, "[]");
    assertRefused(await connection.response(), 404, /Cannot POST \/simple\/below: no application/);
    await connection.request("POST /simpler", {}, "[]");
    assertRefused(await connection.response(), 404, /Cannot POST \/simpler/);
    await connection.request("OPTIONS /simple");
    const options = await connection.response();
    assert.equal(options.status, 204);
    assert.equal(options.headers["allow"], "POST, OPTIONS");
  });

  test("an output that is a scalar stands bare", async () => {
    const deployment = new FakeDeployment("app", { ...identity("INT8"), batchable: false });
    deployment.replica.outputs = () => [tensor("y", "INT8", { shape: [], values: [7] })];
    assert.equal(await ask(deployment, "POST /app", "[[1,2]]"), '200 {"outputs":7}');
  });
});
