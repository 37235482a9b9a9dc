// What a V2 request is decoded to and how its answer is encoded; what is refused is in bad-input.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeV2Request, type V2Context, type V2Request } from "../../../gateway/http/v2-request.ts";
import { encodeV2Response } from "../../../gateway/http/v2-response.ts";
import type { Tensor } from "../../../runtime/base/index.ts";
import { tensor, valuesOf } from "../../support/tensors.ts";
import { ADD_SUB, good, goodInputs, identity, LIMITS } from "./support.ts";

const context = (signature: V2Context["signature"] = ADD_SUB): V2Context => ({
  model: "m",
  signature,
  limits: LIMITS,
});
const json = (request: object, of = context()): V2Request =>
  decodeV2Request(Buffer.from(JSON.stringify(request)), undefined, of);
const refused = (message: RegExp): object => ({ code: "INVALID_ARGUMENT", message });

function binary(request: object, tail: Uint8Array, of = context()): V2Request {
  const header = Buffer.from(JSON.stringify(request));
  return decodeV2Request(Buffer.concat([header, tail]), header.byteLength, of);
}

describe("a request in JSON", () => {
  test("becomes tensors, in the order of the signature (invariant 2)", () => {
    const { inputs, id, outputs, binaryByDefault, timeoutUs } = json({ inputs: goodInputs.toReversed() });
    assert.deepEqual(
      inputs.map(({ name }) => name),
      ["INPUT0", "INPUT1"],
    );
    assert.deepEqual(inputs.map(valuesOf), [
      [1, 2, 3, 4],
      [10, 10, 10, 10],
    ]);
    assert.deepEqual(
      { id, outputs, binaryByDefault, timeoutUs },
      { id: undefined, outputs: [], binaryByDefault: false, timeoutUs: undefined },
    );
  });

  test("may leave its optional fields out or say null", () => {
    const request = {
      id: null,
      parameters: null,
      outputs: null,
      inputs: goodInputs.map((input) => ({ ...input, parameters: null })),
    };
    assert.equal(json(request).id, undefined);
    assert.deepEqual(json(request).outputs, []);
  });

  test("keeps its id and its timeout; a timeout of 0 is none, as Triton has it", () => {
    assert.equal(json({ id: "42", inputs: goodInputs }).id, "42");
    assert.equal(json({ parameters: { timeout: 5_000 }, inputs: goodInputs }).timeoutUs, 5_000);
    assert.equal(json({ parameters: { timeout: 0 }, inputs: goodInputs }).timeoutUs, undefined);
  });

  test("may carry parameters that mean nothing here", () => {
    json({ parameters: { priority: 3, note: "x", other: null }, inputs: goodInputs });
  });

  test("keeps every digit of 64-bit integers, and does not of floats that have as many", () => {
    const int64 = (data: string, datatype: "INT64" | "UINT64" | "FP64"): Tensor | undefined => {
      const text = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,2],"data":${data}}]}`;
      return decodeV2Request(Buffer.from(text), undefined, context(identity(datatype))).inputs[0];
    };
    const values = (of: Tensor | undefined): unknown => of && valuesOf(of);
    assert.deepEqual(values(int64("[9007199254740993,-9223372036854775808]", "INT64")), [
      9007199254740993n,
      -9223372036854775808n,
    ]);
    assert.deepEqual(values(int64("[[18446744073709551615,1]]", "UINT64")), [18446744073709551615n, 1n]);
    assert.deepEqual(values(int64("[12345678901234567890,1e300]", "FP64")), [
      Number("12345678901234567890"),
      1e300,
    ]);
    assert.throws(
      () => int64("[9223372036854775808,0]", "INT64"),
      refused(/found 9223372036854775808 as element 0/),
    );
  });

  test("of a model that declares nothing may have any inputs, in its own order", () => {
    const open = context({ inputs: [], outputs: [], batchable: false, platform: "" });
    const { inputs, outputs } = json({ inputs: goodInputs.toReversed(), outputs: [{ name: "any" }] }, open);
    assert.deepEqual(
      inputs.map(({ name }) => name),
      ["INPUT1", "INPUT0"],
    );
    assert.deepEqual(outputs, [{ name: "any", binary: false }]);
  });

  test("of an input whose rank is open may have any shape", () => {
    const [spec] = identity("INT32").inputs;
    const free = context({
      ...identity("INT32"),
      inputs: spec === undefined ? [] : [{ ...spec, shape: [], anyShape: true }],
    });
    const { inputs } = json(
      { inputs: [{ name: "x", datatype: "INT32", shape: [1, 2, 1], data: [1, 2] }] },
      free,
    );
    assert.deepEqual(inputs[0]?.shape, [1, 2, 1]);
  });
});

describe("the binary extension", () => {
  const first = Int32Array.of(1, 2, 3, 4);
  const second = Int32Array.of(10, 10, 10, 10);
  const described = (name: string, size = 16): object => ({
    name,
    datatype: "INT32",
    shape: [1, 4],
    parameters: { binary_data_size: size },
  });

  test("inputs are views on the body, in the order they were sent", () => {
    const tail = Buffer.concat([Buffer.from(second.buffer), Buffer.from(first.buffer)]);
    const { inputs } = binary({ inputs: [described("INPUT1"), described("INPUT0")] }, tail);
    assert.deepEqual(inputs.map(valuesOf), [[...first], [...second]]);
    assert.equal(inputs[0]?.bytes.buffer, inputs[1]?.bytes.buffer);
  });

  test("JSON and binary inputs may be mixed", () => {
    const { inputs } = binary({ inputs: [goodInputs[0], described("INPUT1")] }, Buffer.from(second.buffer));
    assert.deepEqual(inputs.map(valuesOf), [[...first], [...second]]);
  });

  test("an output's own wish wins over the request's", () => {
    const of = (binary_data_output: boolean): V2Request["outputs"] =>
      json({
        parameters: { binary_data_output },
        inputs: goodInputs,
        outputs: [{ name: "OUTPUT1", parameters: { binary_data: !binary_data_output } }, { name: "OUTPUT0" }],
      }).outputs;
    assert.deepEqual(of(true), [
      { name: "OUTPUT1", binary: false },
      { name: "OUTPUT0", binary: true },
    ]);
    assert.deepEqual(of(false), [
      { name: "OUTPUT1", binary: true },
      { name: "OUTPUT0", binary: false },
    ]);
  });

  test("BYTES are checked element by element", () => {
    const texts = tensor("x", "BYTES", { shape: [1, 2], values: ["ab", ""] });
    const request = (size: number): object => ({
      inputs: [{ name: "x", datatype: "BYTES", shape: [1, 2], parameters: { binary_data_size: size } }],
    });
    const { inputs } = binary(request(10), texts.bytes, context(identity("BYTES")));
    assert.deepEqual(inputs.map(valuesOf), [["ab", ""]]);
    assert.throws(
      () => binary(request(8), texts.bytes.subarray(0, 8), context(identity("BYTES"))),
      refused(/end within element 1/),
    );
  });
});

describe("a header that comes again (see header-memo.ts)", () => {
  const of = (datatype: "INT32" | "BYTES"): V2Context => context(identity(datatype, [-1]));
  const described = (datatype: string, size: number, count: number): object => ({
    id: "é",
    inputs: [{ name: "x", datatype, shape: [count], parameters: { binary_data_size: size } }],
  });

  test("decodes to the same, with its own bytes", () => {
    const own = of("INT32");
    for (const value of [1, 2, 3]) {
      const { inputs, id, rows } = binary(
        described("INT32", 4, 1),
        Buffer.from(Int32Array.of(value).buffer),
        own,
      );
      assert.deepEqual(inputs.map(valuesOf), [[value]]);
      assert.deepEqual({ id, rows }, { id: "é", rows: 1 });
    }
  });

  test("is refused over another number of bytes, as if it came first", () => {
    const own = of("INT32");
    binary(described("INT32", 4, 1), Buffer.alloc(4), own);
    assert.throws(
      () => binary(described("INT32", 4, 1), Buffer.alloc(3), own),
      refused(/found 3 bytes left/),
    );
    assert.throws(
      () => binary(described("INT32", 4, 1), Buffer.alloc(5), own),
      refused(/found 1 bytes behind/),
    );
  });

  test("has its BYTES checked every time", () => {
    const own = of("BYTES");
    const texts = tensor("x", "BYTES", { shape: [2], values: ["a", "b"] });
    const request = described("BYTES", 10, 2);
    binary(request, texts.bytes, own);
    const wrong = Uint8Array.from(texts.bytes);
    wrong[0] = 200;
    assert.throws(() => binary(request, wrong, own), refused(/end within element 0/));
    assert.deepEqual(binary(request, texts.bytes, own).inputs.map(valuesOf), [["a", "b"]]);
  });

  test("of another model means what it means there", () => {
    binary(described("INT32", 4, 1), Buffer.alloc(4), of("INT32"));
    assert.throws(
      () => binary(described("INT32", 4, 1), Buffer.alloc(4), of("BYTES")),
      refused(/wanted BYTES/),
    );
  });

  test("keeps inputs in the signature's order, whatever order they were sent in", () => {
    const own = context();
    const one = (name: string): object => ({
      name,
      datatype: "INT32",
      shape: [1, 4],
      parameters: { binary_data_size: 16 },
    });
    const tail = Buffer.from(Int32Array.of(5, 5, 5, 5, 6, 6, 6, 6).buffer);
    for (let time = 0; time < 2; time++) {
      const { inputs } = binary({ inputs: [one("INPUT1"), one("INPUT0")] }, tail, own);
      assert.deepEqual(
        inputs.map(({ name, bytes }) => [name, bytes[0]]),
        [
          ["INPUT0", 6],
          ["INPUT1", 5],
        ],
      );
    }
  });
});

describe("bare bytes (header length 0)", () => {
  const bare = (
    body: Uint8Array,
    datatype: Tensor["datatype"],
    shape: readonly number[],
  ): Tensor | undefined => decodeV2Request(body, 0, context(identity(datatype, shape))).inputs[0];

  test("give the one dimension that may vary its size, and the answer is binary", () => {
    const request = decodeV2Request(Buffer.alloc(24), 0, context(identity("FP32", [-1, 2])));
    assert.deepEqual(request.inputs[0]?.shape, [3, 2]);
    assert.equal(request.binaryByDefault, true);
    assert.deepEqual(bare(Buffer.alloc(8), "FP32", [1, 2])?.shape, [1, 2]);
  });

  test("are one row where another dimension than the batch axis varies", () => {
    assert.deepEqual(bare(Buffer.alloc(24), "FP32", [-1, 3, -1])?.shape, [1, 3, 2]);
  });

  test("of BYTES are one element", () => {
    const one = bare(Buffer.from("hello"), "BYTES", [-1]);
    assert.deepEqual(one?.shape, [1]);
    assert.deepEqual(one && valuesOf(one), ["hello"]);
  });

  for (const [shape, size] of [
    [[-1, 2], 9],
    [[2, 2], 8],
    [[-1, -1, -1], 8],
    [[-1, 0], 8],
  ] as const) {
    test(`${size} of them do not fit [${shape.join(",")}]`, () => {
      assert.throws(
        () => bare(Buffer.alloc(size), "FP32", shape),
        refused(new RegExp(`found ${size} bare bytes, which do not fit`)),
      );
    });
  }

  test("of more elements than may be are refused", () => {
    assert.throws(
      () => bare(Buffer.alloc(LIMITS.maxElements + 2), "INT8", [-1, 2]),
      refused(/wanted at most 100000/),
    );
  });
});

describe("an answer", () => {
  const outputs = [
    tensor("a", "INT64", { shape: [1, 1], values: [9007199254740993n] }),
    tensor("b", "BYTES", { shape: [1], values: ["é"] }),
  ];
  const encode = (request: Partial<V2Request>): ReturnType<typeof encodeV2Response> =>
    encodeV2Response({
      model: 'm"',
      version: "1",
      request: { id: undefined, outputs: [], binaryByDefault: false, ...request },
      outputs,
    });

  test("in JSON has every digit, names escaped, and the id only when there was one", () => {
    const { headers, ...answer } = encode({});
    assert.deepEqual(headers, { "content-type": "application/json" });
    assert.equal(
      headerOf(answer),
      '{"model_name":"m\\"","model_version":"1","outputs":[{"name":"a","datatype":"INT64","shape":[1,1],"data":[9007199254740993]},{"name":"b","datatype":"BYTES","shape":[1],"data":["é"]}]}',
    );
    for (const id of ['a"b', "", "é"]) {
      assert.equal((JSON.parse(headerOf(encode({ id }))) as { id: string }).id, id);
    }
  });

  test("in binary has the tensors behind a header of the announced length, as views", () => {
    const { headers, parts } = encode({ binaryByDefault: true });
    const header = headerOf({ parts });
    assert.equal(headers["content-type"], "application/octet-stream");
    assert.equal(headers["inference-header-content-length"], String(Buffer.byteLength(header)));
    assert.equal(parts[1], outputs[0]?.bytes);
    assert.equal(parts[2], outputs[1]?.bytes);
    const { outputs: described } = JSON.parse(header) as { outputs: object[] };
    assert.deepEqual(described, [
      { name: "a", datatype: "INT64", shape: [1, 1], parameters: { binary_data_size: 8 } },
      { name: "b", datatype: "BYTES", shape: [1], parameters: { binary_data_size: 6 } },
    ]);
  });

  test("has what was asked for, in that order, each as it was asked for", () => {
    const { parts } = encode({
      outputs: [
        { name: "b", binary: true },
        { name: "a", binary: false },
      ],
    });
    assert.equal(parts[1], outputs[1]?.bytes);
    assert.equal(parts.length, 2);
    const { outputs: described } = JSON.parse(headerOf({ parts })) as {
      outputs: { name: string; data?: unknown }[];
    };
    assert.deepEqual(
      described.map(({ name }) => name),
      ["b", "a"],
    );
    assert.deepEqual(
      described.map((one) => "data" in one),
      [false, true],
    );
  });

  test("without an output that was asked for is no answer", () => {
    assert.throws(
      () => encode({ outputs: [{ name: "c", binary: true }] }),
      refused(/found output "c", wanted "a", "b"/),
    );
  });
});

/** The JSON of an answer. */
function headerOf({ parts: [header] }: Pick<ReturnType<typeof encodeV2Response>, "parts">): string {
  return typeof header === "string" ? header : Buffer.from(header ?? []).toString();
}

test("the good request of the tests is good", () => {
  assert.equal(decodeV2Request(Buffer.from(good), undefined, context()).id, "after");
});
