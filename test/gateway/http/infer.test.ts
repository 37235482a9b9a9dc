// V2 over a real socket: what clients send and get when all is well.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliDecompressSync, deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { bytesOf, type Datatype, DATATYPES, type Tensor } from "../../../runtime/base/index.ts";
import type { RawResponse } from "../../support/raw-http.ts";
import { ALL_DATATYPES, tensor, valuesOf } from "../../support/tensors.ts";
import {
  ask,
  assertUsable,
  type Door,
  FakeDeployment,
  good,
  goodInputs,
  identity,
  INFER,
  open,
  openSimple,
  renamed,
} from "./support.ts";

const HEADER_LENGTH = "inference-header-content-length";

interface Output {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data?: readonly unknown[];
  readonly parameters?: { readonly binary_data_size: number };
}

interface Answer {
  readonly id?: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly outputs: readonly Output[];
}

const jsonOf = ({ body }: RawResponse): Answer => JSON.parse(body.toString()) as Answer;

/** The header of a binary answer and its tensors. */
function binaryOf({ body, headers }: RawResponse): {
  readonly answer: Answer;
  readonly tensors: readonly Tensor[];
} {
  const length = Number(headers[HEADER_LENGTH]);
  const answer = JSON.parse(body.subarray(0, length).toString()) as Answer;
  let offset = length;
  const tensors = answer.outputs.flatMap(({ name, datatype, shape, parameters }) => {
    if (parameters === undefined) return [];
    const bytes = body.subarray(offset, offset + parameters.binary_data_size);
    offset += parameters.binary_data_size;
    return [{ name, datatype, shape, bytes }];
  });
  assert.equal(offset, body.byteLength, "nothing is left over");
  return { answer, tensors };
}

/** A binary request: the JSON and what stands behind it, with its header. */
function binaryRequest(
  request: object,
  ...tail: readonly Uint8Array[]
): { headers: Record<string, string>; body: Buffer } {
  const header = Buffer.from(JSON.stringify(request));
  return { headers: { [HEADER_LENGTH]: String(header.byteLength) }, body: Buffer.concat([header, ...tail]) };
}

async function openIdentity(datatype: Datatype, shape: readonly number[]): Promise<Door> {
  const deployment = new FakeDeployment("id", identity(datatype, shape));
  deployment.replica.outputs = renamed;
  return open([deployment]);
}

describe("infer", () => {
  test("in JSON, with the id echoed and the model named", async () => {
    await using door = await openSimple();
    const answer = jsonOf(await ask(door, INFER, { body: good }));
    assert.deepEqual(answer, {
      model_name: "simple",
      model_version: "1",
      id: "after",
      outputs: [
        { name: "OUTPUT0", datatype: "INT32", shape: [1, 4], data: [11, 12, 13, 14] },
        { name: "OUTPUT1", datatype: "INT32", shape: [1, 4], data: [-9, -8, -7, -6] },
      ],
    });
  });

  test("by version, and with a query that means nothing", async () => {
    await using door = await openSimple();
    const { status } = await ask(door, "POST /v2/models/simple/versions/1/infer?trace=1", { body: good });
    assert.equal(status, 200);
  });

  test("only the outputs asked for, in their order", async () => {
    await using door = await openSimple();
    const outputs = [{ name: "OUTPUT1" }];
    const answer = jsonOf(await ask(door, INFER, { body: JSON.stringify({ inputs: goodInputs, outputs }) }));
    assert.deepEqual(
      answer.outputs.map(({ name }) => name),
      ["OUTPUT1"],
    );
    assert.deepEqual(door.simple.replica.received[0]?.wanted, ["OUTPUT1"]);
  });

  test("many requests on one connection, answered in their order", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    for (let time = 0; time < 50; time++) await assertUsable(connection);
  });

  test("requests sent behind each other without waiting are answered in their order", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    for (const id of ["a", "b", "c"]) {
      await connection.request(INFER, {}, JSON.stringify({ id, inputs: goodInputs }));
    }
    for (const id of ["a", "b", "c"]) assert.equal(jsonOf(await connection.response()).id, id);
  });

  test("in chunks of one byte", async () => {
    await using door = await openSimple();
    const body = good
      .split("")
      .map((character) => `1\r\n${character}\r\n`)
      .join("");
    const headers = { "transfer-encoding": "chunked" };
    assert.equal(jsonOf(await ask(door, INFER, { headers, body: `${body}0\r\n\r\n` })).id, "after");
  });

  test("a gzipped and a deflated request", async () => {
    await using door = await openSimple();
    for (const [encoding, body] of [
      ["gzip", gzipSync(good)],
      ["deflate", deflateSync(good)],
    ] as const) {
      const response = await ask(door, INFER, { headers: { "content-encoding": encoding }, body });
      assert.equal(jsonOf(response).id, "after");
    }
  });

  test("a compressed binary request: the header length is that of the decompressed body", async () => {
    await using door = await openIdentity("INT32", [-1]);
    const request = binaryRequest(
      { inputs: [{ name: "x", datatype: "INT32", shape: [2], parameters: { binary_data_size: 8 } }] },
      bytesOf(Int32Array.of(7, 8)),
    );
    const headers = { ...request.headers, "content-encoding": "gzip" };
    const answer = jsonOf(
      await ask(door, "POST /v2/models/id/infer", { headers, body: gzipSync(request.body) }),
    );
    assert.deepEqual(answer.outputs[0]?.data, [7, 8]);
  });
});

describe("the binary extension", () => {
  for (const datatype of ALL_DATATYPES) {
    test(`${datatype} there and back, bit by bit`, async () => {
      await using door = await openIdentity(datatype, [-1, 2]);
      const bytes =
        datatype === "BYTES"
          ? tensor("x", "BYTES", { shape: [1, 2], values: [Uint8Array.of(255, 0), ""] }).bytes
          : new Uint8Array(16).map((_, index) => 251 - index * 7);
      const { elementBytes } = DATATYPES[datatype];
      const shape = [elementBytes === 0 ? 1 : bytes.byteLength / elementBytes / 2, 2];
      const request = binaryRequest(
        {
          parameters: { binary_data_output: true },
          inputs: [{ name: "x", datatype, shape, parameters: { binary_data_size: bytes.byteLength } }],
        },
        bytes,
      );
      const response = await ask(door, "POST /v2/models/id/infer", request);
      assert.equal(response.headers["content-type"], "application/octet-stream");
      const { tensors } = binaryOf(response);
      assert.deepEqual(tensors[0]?.shape, shape);
      assert.deepEqual([...(tensors[0]?.bytes ?? [])], [...bytes]);
    });
  }

  test("mixed inputs, mixed outputs", async () => {
    await using door = await openSimple();
    const request = binaryRequest(
      {
        id: "é",
        inputs: [
          goodInputs[0],
          { name: "INPUT1", datatype: "INT32", shape: [1, 4], parameters: { binary_data_size: 16 } },
        ],
        outputs: [{ name: "OUTPUT1" }, { name: "OUTPUT0", parameters: { binary_data: true } }],
      },
      bytesOf(Int32Array.of(10, 10, 10, 10)),
    );
    const { answer, tensors } = binaryOf(await ask(door, INFER, request));
    assert.equal(answer.id, "é");
    assert.deepEqual(
      answer.outputs.map(({ name, data }) => [name, data]),
      [
        ["OUTPUT1", [-9, -8, -7, -6]],
        ["OUTPUT0", undefined],
      ],
    );
    assert.deepEqual(tensors.map(valuesOf), [[11, 12, 13, 14]]);
  });

  test("bare bytes (header length 0) come back as bytes", async () => {
    await using door = await openIdentity("FP32", [-1, 2]);
    const body = bytesOf(Float32Array.of(1, 2, 3, 4));
    const response = await ask(door, "POST /v2/models/id/infer", { headers: { [HEADER_LENGTH]: "0" }, body });
    const { tensors } = binaryOf(response);
    assert.deepEqual(tensors[0]?.shape, [2, 2]);
    assert.deepEqual(tensors.map(valuesOf), [[1, 2, 3, 4]]);
  });

  test("an answer of megabytes, in parts", async () => {
    const deployment = new FakeDeployment("big", identity("UINT8", [-1]));
    const bytes = new Uint8Array(3_000_000).map((_, index) => index % 251);
    deployment.replica.outputs = () => [{ name: "y", datatype: "UINT8", shape: [bytes.byteLength], bytes }];
    await using door = await open([deployment]);
    const request = {
      parameters: { binary_data_output: true },
      inputs: [{ name: "x", datatype: "UINT8", shape: [1], data: [1] }],
    };
    const { tensors } = binaryOf(
      await ask(door, "POST /v2/models/big/infer", { body: JSON.stringify(request) }),
    );
    assert.equal(Buffer.compare(tensors[0]?.bytes ?? new Uint8Array(), bytes), 0);
  });
});

describe("numbers that JavaScript has not", () => {
  test("INT64 and UINT64 beyond 2^53, in and out, by JSON", async () => {
    for (const [datatype, digits] of [
      ["INT64", "[9007199254740993,-9223372036854775808]"],
      ["UINT64", "[18446744073709551615,9007199254740993]"],
    ] as const) {
      await using door = await openIdentity(datatype, [-1, 2]);
      const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,2],"data":${digits}}]}`;
      const response = await ask(door, "POST /v2/models/id/infer", { body });
      assert(response.body.toString().includes(`"data":${digits}`), response.body.toString());
    }
  });

  test("BYTES by JSON: any text", async () => {
    await using door = await openIdentity("BYTES", [-1, 2]);
    const data = ['ä😀\0"\\', ""];
    const body = JSON.stringify({ inputs: [{ name: "x", datatype: "BYTES", shape: [1, 2], data }] });
    assert.deepEqual(jsonOf(await ask(door, "POST /v2/models/id/infer", { body })).outputs[0]?.data, data);
  });

  test("NaN in an answer is 406 in JSON, and itself in binary", async () => {
    const deployment = new FakeDeployment("nan", identity("FP32", [-1]));
    deployment.replica.outputs = () => [tensor("y", "FP32", { shape: [1], values: [Number.NaN] })];
    await using door = await open([deployment]);
    const inputs = [{ name: "x", datatype: "FP32", shape: [1], data: [1] }];
    const asJson = await ask(door, "POST /v2/models/nan/infer", { body: JSON.stringify({ inputs }) });
    assert.equal(asJson.status, 406);
    assert.match(asJson.body.toString(), /element 0 is NaN, which JSON has not; ask for it with binary_data/);
    const parameters = { binary_data_output: true };
    const binary = await ask(door, "POST /v2/models/nan/infer", {
      body: JSON.stringify({ parameters, inputs }),
    });
    assert.deepEqual(binaryOf(binary).tensors.map(valuesOf), [[Number.NaN]]);
  });
});

describe("compressed answers", () => {
  const values = Array.from({ length: 2_000 }, (_, index) => index % 7);
  const body = JSON.stringify({
    inputs: [{ name: "x", datatype: "INT32", shape: [1, 2_000], data: values }],
  });

  for (const [accepted, encoding, unpack] of [
    ["gzip", "gzip", gunzipSync],
    ["deflate", "deflate", inflateSync],
    ["br;q=1.0, GZIP;q=0.5", "gzip", gunzipSync],
    ["gzip;q=0, deflate", "deflate", inflateSync],
  ] as const) {
    test(`${encoding} for Accept-Encoding: ${accepted}`, async () => {
      await using door = await openIdentity("INT32", [-1, -1]);
      const response = await ask(door, "POST /v2/models/id/infer", {
        headers: { "accept-encoding": accepted },
        body,
      });
      assert.equal(response.headers["content-encoding"], encoding);
      assert.equal(response.headers["vary"], "accept-encoding");
      assert(response.body.byteLength < 2_000);
      assert.deepEqual(jsonOf({ ...response, body: unpack(response.body) }).outputs[0]?.data, values);
    });
  }

  for (const accepted of ["identity", "br", "gzip;q=0", "gzip;q=0.000, deflate;q=0", ""]) {
    test(`none for Accept-Encoding: ${accepted}`, async () => {
      await using door = await openIdentity("INT32", [-1, -1]);
      const response = await ask(door, "POST /v2/models/id/infer", {
        headers: { "accept-encoding": accepted },
        body,
      });
      assert.equal(response.headers["content-encoding"], undefined);
      assert.deepEqual(jsonOf(response).outputs[0]?.data, values);
    });
  }

  test("none for a small answer", async () => {
    await using door = await openSimple();
    const response = await ask(door, INFER, { headers: { "accept-encoding": "gzip" }, body: good });
    assert.equal(response.headers["content-encoding"], undefined);
    assert.throws(() => brotliDecompressSync(response.body));
  });

  test("a binary answer is packed whole; its header length counts what comes out", async () => {
    await using door = await openIdentity("INT32", [-1, -1]);
    const request = { ...(JSON.parse(body) as object), parameters: { binary_data_output: true } };
    const headers = { "accept-encoding": "gzip" };
    const response = await ask(door, "POST /v2/models/id/infer", { headers, body: JSON.stringify(request) });
    const { tensors } = binaryOf({ ...response, body: gunzipSync(response.body) });
    assert.deepEqual(tensors.map(valuesOf), [values]);
  });
});
