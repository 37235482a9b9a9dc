// Every bad input of a client over a raw socket: its status, what it is told, and a good request on the same
// connection afterwards.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import type { RawConnection, RawResponse } from "../../support/raw-http.ts";
import { assertRefused, assertUsable, good, goodInputs, INFER, LIMITS, openSimple } from "./support.ts";

const [input0, input1] = goodInputs;

/** The good request with its first input changed. */
const changed = (fields: object): string => JSON.stringify({ inputs: [{ ...input0, ...fields }, input1] });
const inputs = (...list: readonly unknown[]): string => JSON.stringify({ inputs: list });

async function refusal(
  ask: (connection: RawConnection) => Promise<void>,
  limits: Partial<typeof LIMITS> = {},
): Promise<RawResponse> {
  await using door = await openSimple(limits);
  using connection = await door.connect();
  await ask(connection);
  const response = await connection.response();
  await assertUsable(connection);
  assert.equal(door.simple.replica.received.length, 1, "only the good request reached a replica");
  return response;
}

interface Case {
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message: RegExp;
  readonly status?: number;
}

const deep = `{"inputs":${"[".repeat(40)}${"]".repeat(40)}}`;
const notUtf8 = Buffer.from(good.replace("after", "a\xfft"), "latin1");
const bomb = (levels: number): Uint8Array => gzipSync(Buffer.alloc(levels, " "));

const CASES: Readonly<Record<string, Case>> = {
  "a datatype the model does not take": {
    body: changed({ datatype: "FP32" }),
    message: /found datatype FP32 for input "INPUT0", wanted INT32/,
  },
  "a datatype that is none": {
    body: changed({ datatype: "INT128" }),
    message: /found datatype "INT128" for input "INPUT0", wanted one of V2's/,
  },
  "no datatype": {
    body: changed({ datatype: undefined }),
    message: /found datatype nothing for input "INPUT0"/,
  },
  "another rank": {
    body: changed({ shape: [4] }),
    message: /found shape \[4\] for input "INPUT0", wanted \[-1,4\]/,
  },
  "another size": { body: changed({ shape: [1, 5] }), message: /found shape \[1,5\] .*wanted \[-1,4\]/ },
  "a negative size": {
    body: changed({ shape: [-1, 4] }),
    message: /found shape \[-1,4\].*whole numbers from 0/,
  },
  "a fractional size": {
    body: changed({ shape: [1.5, 4] }),
    message: /found shape \[1.5,4\].*whole numbers/,
  },
  "a shape that overflows": {
    body: changed({ shape: [2 ** 52, 4], data: [1] }),
    message: /shape \[4503599627370496,4\]: too many elements/,
  },
  "a shape with more elements than may be": {
    body: changed({ shape: [50_000, 4], data: [1] }),
    message: /found 200000 elements, wanted at most 100000/,
  },
  "a shape of a thousand dimensions": {
    body: changed({ shape: Array.from({ length: 1000 }, () => 1) }),
    message: /found shape \[1,1,.* for input "INPUT0", wanted at most 64 whole numbers/,
  },
  "no shape": { body: changed({ shape: undefined }), message: /found shape nothing for input "INPUT0"/ },
  "a name the model does not have": {
    body: changed({ name: "INPUT9" }),
    message: /found input "INPUT9", wanted "INPUT0", "INPUT1"/,
  },
  "no name": {
    body: changed({ name: undefined }),
    message: /found nothing as name of inputs\[0\], wanted a string/,
  },
  "a name of a million characters": {
    body: changed({ name: "x".repeat(100_000) }),
    message: /^.{1900,2100}…$/s,
  },
  "an input twice": { body: inputs(input0, input0), message: /found input "INPUT0" twice/ },
  "a missing input": { body: inputs(input0), message: /found no input "INPUT1"/ },
  "no inputs": { body: "{}", message: /found nothing as inputs, wanted a list/ },
  "no input in the list": { body: inputs(), message: /found no input "INPUT0"/ },
  "an input that is null": {
    body: inputs(null, input1),
    message: /found null as inputs\[0\], wanted an object/,
  },
  "more inputs than may be": {
    body: inputs(input0, input0, input0, input0, input0),
    message: /found 5 inputs, wanted at most 4/,
  },
  "too few elements": {
    body: changed({ data: [1, 2, 3] }),
    message: /input "INPUT0": found 3 elements, wanted 4 for shape \[1,4\]/,
  },
  "too many elements": { body: changed({ data: [1, 2, 3, 4, 5] }), message: /found 5 elements, wanted 4/ },
  "nesting that is not the shape": {
    body: changed({
      data: [
        [1, 2],
        [3, 4],
      ],
    }),
    message: /found a list of 2.*wanted nesting as shape \[1,4\]/,
  },
  "ragged nesting": { body: changed({ data: [[1, 2, 3]] }), message: /found a list of 3 at \[0\]/ },
  "a text among numbers": {
    body: changed({ data: [1, "2", 3, 4] }),
    message: /found "2" as element 1, wanted a number of INT32/,
  },
  "a fraction among integers": { body: changed({ data: [1, 2.5, 3, 4] }), message: /found 2.5 as element 1/ },
  "an integer out of range": {
    body: changed({ data: [1, 2, 3, 2 ** 31] }),
    message: /found 2147483648 as element 3, wanted a number of INT32/,
  },
  "null among numbers": { body: changed({ data: [1, null, 3, 4] }), message: /found null as element 1/ },
  "no data": { body: changed({ data: undefined }), message: /found nothing as data, wanted a list/ },
  "a NaN token": { body: good.replace("[1,2", "[NaN,2"), message: /Cannot read the JSON: .*token.*N/ },
  "an Infinity token": { body: good.replace("[1,2", "[-Infinity,2"), message: /Cannot read the JSON/ },
  "JSON that is cut off": { body: good.slice(0, -1), message: /Cannot read the JSON: / },
  "no body": { body: "", message: /Cannot read the JSON: / },
  "a body that is null": { body: "null", message: /found null as the request, wanted an object/ },
  "a body that is a list": { body: "[]", message: /found a list as the request, wanted an object/ },
  "a key of Object's": { body: '{"__proto__": {"inputs": []}}', message: /found nothing as inputs/ },
  "deep JSON": { body: deep, message: /found more than 16 levels at byte \d+, wanted at most 16/ },
  "JSON of a hundred thousand levels": {
    body: "[".repeat(100_000),
    message: /found more than 16 levels at byte 16/,
  },
  "bytes that are not UTF-8": { body: notUtf8, message: /not valid UTF-8/ },
  "an id that is a number": {
    body: JSON.stringify({ id: 7, inputs: goodInputs }),
    message: /found 7 as id, wanted a string/,
  },
  "parameters that are a list": {
    body: JSON.stringify({ parameters: [], inputs: goodInputs }),
    message: /found a list as parameters of the request, wanted an object/,
  },
  "an output the model does not have": {
    body: JSON.stringify({ inputs: goodInputs, outputs: [{ name: "OUTPUT9" }] }),
    message: /found output "OUTPUT9", wanted "OUTPUT0", "OUTPUT1"/,
  },
  "an output twice": {
    body: JSON.stringify({ inputs: goodInputs, outputs: [{ name: "OUTPUT0" }, { name: "OUTPUT0" }] }),
    message: /found output "OUTPUT0" twice/,
  },
  "binary_data that is a text": {
    body: JSON.stringify({
      inputs: goodInputs,
      outputs: [{ name: "OUTPUT0", parameters: { binary_data: "yes" } }],
    }),
    message: /found binary_data "yes", wanted true or false/,
  },
  "a wish for classification": {
    body: JSON.stringify({
      inputs: goodInputs,
      outputs: [{ name: "OUTPUT0", parameters: { classification: 3 } }],
    }),
    message: /found classification for output "OUTPUT0", which is not supported/,
  },
  "a timeout below zero": {
    body: JSON.stringify({ parameters: { timeout: -1 }, inputs: goodInputs }),
    message: /found timeout -1, wanted a whole number of microseconds/,
  },
  "a timeout header that is no number": {
    body: good,
    headers: { "x-request-timeout-ms": "soon" },
    message: /x-request-timeout-ms: found "soon", wanted milliseconds/,
  },
  "a header length past the body": {
    body: good,
    headers: { "inference-header-content-length": "100000" },
    message: /found Inference-Header-Content-Length 100000, wanted at most the body's \d+ bytes/,
  },
  "a header length within the JSON": {
    body: good,
    headers: { "inference-header-content-length": "20" },
    message: /Cannot read the JSON/,
  },
  "a header length that is no number": {
    body: good,
    headers: { "inference-header-content-length": "-1" },
    message: /Inference-Header-Content-Length: found "-1", wanted a whole number of bytes/,
  },
  "a header length given twice": {
    body: good,
    headers: { "inference-header-content-length": "10, 20" },
    message: /found "10, 20", wanted a whole number/,
  },
  "bare bytes for a model with two inputs": {
    body: "x",
    headers: { "inference-header-content-length": "0" },
    message: /bare bytes \(header length 0\), wanted a model with one input/,
  },
  "bytes behind the JSON that no input claims": {
    body: `${good}spare`,
    headers: { "inference-header-content-length": String(good.length) },
    message: /found 5 bytes behind the last input/,
  },
  "a binary size past the body": {
    body: changed({ data: undefined, parameters: { binary_data_size: 16 } }),
    message: /(?:input|tensor) "INPUT0": found 0 bytes left in the body, wanted 16/,
  },
  "a binary size that is not the shape's": binary(
    12,
    Buffer.alloc(12),
    /found 12 bytes, wanted 16 for INT32 \[1,4\]/,
  ),
  "a binary size that is a text": binary(
    "16",
    Buffer.alloc(16),
    /binary_data_size "16", wanted a whole number/,
  ),
  "a binary size past 2^53": binary(
    2 ** 60,
    Buffer.alloc(16),
    /binary_data_size 1152921504606847000, wanted/,
  ),
  "data and a binary size": {
    body: changed({ parameters: { binary_data_size: 16 } }),
    message: /found both data and binary_data_size for input "INPUT0"/,
  },
  "gzip that is none": {
    body: good,
    headers: { "content-encoding": "gzip" },
    message: /Cannot read the body: it is not valid gzip/,
  },
  "gzip that is cut off": {
    body: gzipSync(good).subarray(0, 40),
    headers: { "content-encoding": "gzip" },
    message: /not valid gzip/,
  },
  "deflate that is none": {
    body: good,
    headers: { "content-encoding": "deflate" },
    message: /not valid deflate/,
  },
  "an encoding nobody speaks": {
    body: good,
    headers: { "content-encoding": "br" },
    status: 415,
    message: /found Content-Encoding "br", wanted gzip, deflate or identity/,
  },
  "a Content-Type that is none": {
    body: good,
    headers: { "content-type": ";;;" },
    status: 415,
    message: /found Content-Type ";;;", wanted a media type or none/,
  },
  "an encoding within an encoding": {
    body: gzipSync(gzipSync(good)),
    headers: { "content-encoding": "gzip, gzip" },
    status: 415,
    message: /found Content-Encoding "gzip, gzip"/,
  },
  "a gzip bomb": {
    body: bomb(64 * 1024 * 1024),
    headers: { "content-encoding": "gzip" },
    status: 413,
    message: /found more than 1048576 bytes once decompressed, wanted at most 1048576/,
  },
  "a deflate bomb": {
    body: deflateSync(Buffer.alloc(64 * 1024 * 1024)),
    headers: { "content-encoding": "deflate" },
    status: 413,
    message: /more than 1048576 bytes once decompressed/,
  },
  "a body past the limit, announced": {
    body: Buffer.alloc(300 * 1024),
    status: 413,
    message: /found announced 307200 bytes, wanted at most 262144/,
  },
  "an unfinished chunk of a body past the limit, unannounced": {
    body: chunked([Buffer.alloc(200 * 1024), Buffer.alloc(100 * 1024)]),
    headers: { "transfer-encoding": "chunked" },
    status: 413,
    message: /found \d+ bytes and more, wanted at most 262144/,
  },
};

/** The first input as binary, announced as `size` bytes. */
function binary(size: unknown, bytes: Uint8Array, message: RegExp): Case {
  const header = changed({ data: undefined, parameters: { binary_data_size: size } });
  return {
    body: Buffer.concat([Buffer.from(header), bytes]),
    headers: { "inference-header-content-length": String(header.length) },
    message,
  };
}

function chunked(chunks: readonly Uint8Array[]): Buffer {
  const parts = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.byteLength.toString(16)}\r\n`),
    chunk,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

describe("a bad infer request is refused and its connection stays usable", () => {
  for (const [name, { body, headers = {}, status = 400, message }] of Object.entries(CASES)) {
    test(name, async () => {
      assertRefused(await refusal((connection) => connection.request(INFER, headers, body)), status, message);
    });
  }

  for (const [name, line, status, message] of [
    [
      "an unknown model",
      "POST /v2/models/nobody/infer",
      404,
      /^Request for unknown model: 'nobody' is not found$/,
    ],
    [
      "an unknown model with a path for a name",
      "POST /v2/models/%2Fetc%2Fpasswd/infer",
      404,
      /'\/etc\/passwd' is not/,
    ],
    ["an unknown version", "POST /v2/models/simple/versions/7/infer", 404, /'simple' version 7 is not found/],
    [
      "a name that is no UTF-8",
      "POST /v2/models/%ff/infer",
      400,
      /Cannot read the URL \/v2\/models\/%ff\/infer: wanted UTF-8/,
    ],
    [
      "a name longer than any",
      `POST /v2/models/${"x".repeat(3_000)}/infer`,
      404,
      /^Request for unknown model: 'x{200}…' is not found$/,
    ],
    [
      "an unknown path",
      "POST /v2/models/simple/explain",
      404,
      /Cannot POST \/v2\/models\/simple\/explain: no app/,
    ],
    ["a path of nobody", "GET /no/such/route?secret=1", 404, /^Cannot GET \/no\/such\/route: no application/],
    ["GET to infer", "GET /v2/models/simple/infer", 405, /Cannot GET .*: wanted POST/],
    ["POST to metadata", "POST /v2/models/simple", 405, /Cannot POST .*: wanted GET or HEAD/],
    ["DELETE of health", "DELETE /v2/health/live", 405, /wanted GET or HEAD/],
    ["TRACE", "TRACE /v2/models/simple/infer", 405, /Cannot TRACE/],
  ] as const) {
    test(name, async () => {
      assertRefused(await refusal((connection) => connection.request(line, {}, good)), status, message);
    });
  }
});

describe("what is not looked at is not refused", () => {
  for (const [name, headers] of Object.entries({
    "no Content-Type": {},
    "a form's Content-Type": { "content-type": "application/x-www-form-urlencoded" },
    "bytes' Content-Type": { "content-type": "application/octet-stream" },
    "JSON's Content-Type with a charset": { "content-type": "application/json; charset=utf-8" },
    "an Expect": { expect: "100-continue" },
    "an upgrade": { connection: "upgrade", upgrade: "h2c" },
    "identity in capitals": { "content-encoding": "IDENTITY" },
  })) {
    test(name, async () => {
      await using door = await openSimple();
      using connection = await door.connect();
      await connection.request(`${INFER}?who=tritonclient`, headers, good);
      const { status, body } = await connection.response();
      assert.equal(status, 200, body.toString());
      await assertUsable(connection);
    });
  }
});
