import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  binaryDescription,
  checkTensor,
  decodeTensors,
  encodeHeader,
  SHOAL_VERSION,
  ShoalError,
  takeBinary,
} from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES, tensor, tensorsLike } from "../../support/tensors.ts";

const refused = (message: RegExp): object => ({ name: "ShoalError", code: "INVALID_ARGUMENT", message });

test("a header is JSON padded to a multiple of 8 bytes, whatever its characters (invariant 1)", (t) => {
  checkProperty(
    t,
    fc.property(fc.string({ unit: "grapheme" }), (name) => {
      const header = encodeHeader({ name });
      assert.equal(Buffer.byteLength(header) % 8, 0);
      assert.deepEqual(JSON.parse(header), { name });
    }),
  );
});

test("tensors of every datatype come back as they were written, as views on the body", (t) => {
  const any = fc.constantFrom(...ALL_DATATYPES).chain((datatype) => tensorsLike(datatype, [2]));
  checkProperty(
    t,
    fc.property(fc.array(any, { maxLength: 5 }), (tensors) => {
      const body = Buffer.concat(tensors.map(({ bytes }) => bytes));
      const described: unknown = JSON.parse(encodeHeader(tensors.map(binaryDescription)));
      const decoded = decodeTensors(described, body);
      assert.deepEqual(
        decoded.map((one) => ({ ...one, bytes: [...one.bytes] })),
        tensors.map((one) => ({ ...one, bytes: [...one.bytes] })),
      );
      for (const one of decoded) assert.equal(one.bytes.buffer, body.buffer);
    }),
  );
});

const floats = tensor("x", "FP32", { shape: [2], values: [1, 2] });
const described = binaryDescription(floats) as Record<string, unknown>;

for (const [what, header, body, message] of [
  ["no list", { 0: described }, floats.bytes, /wanted a list of descriptions/],
  ["null as a tensor", [null], floats.bytes, /wanted name, datatype and shape/],
  ["a text as a tensor", ["x"], floats.bytes, /wanted name, datatype and shape/],
  ["no name", [{ ...described, name: 1 }], floats.bytes, /wanted name, datatype and shape/],
  ["an unknown datatype", [{ ...described, datatype: "FP8" }], floats.bytes, /"FP8".*wanted name, datatype/],
  ["a datatype of Object", [{ ...described, datatype: "toString" }], floats.bytes, /wanted name, datatype/],
  ["no shape", [{ ...described, shape: 2 }], floats.bytes, /wanted name, datatype and shape/],
  ["a shape of texts", [{ ...described, shape: ["2"] }], floats.bytes, /wanted name, datatype and shape/],
  ["a shape of objects", [{ ...described, shape: [{ toString: 1 }] }], floats.bytes, /wanted name, datatype/],
  ["a negative size", [{ ...described, shape: [-2] }], floats.bytes, /found -2, wanted whole numbers/],
  [
    "a shape that overflows",
    [{ ...described, shape: [2 ** 32, 2 ** 32] }],
    floats.bytes,
    /too many elements/,
  ],
  ["a shape of more bytes", [{ ...described, shape: [3] }], floats.bytes, /found 8 bytes, wanted 12/],
  ["no parameters", [{ ...described, parameters: null }], floats.bytes, /found binary_data_size undefined/],
  [
    "a size as text",
    [{ ...described, parameters: { binary_data_size: "8" } }],
    floats.bytes,
    /size "8", wanted/,
  ],
  [
    "a size below 0",
    [{ ...described, parameters: { binary_data_size: -8 } }],
    floats.bytes,
    /size -8, wanted/,
  ],
  ["a size past the end", [described], floats.bytes.subarray(1), /found 7 bytes left in the body, wanted 8/],
  ["bytes behind the last", [described], Buffer.alloc(9), /found 1 bytes behind the last one/],
] as const) {
  test(`a header with ${what} is refused (invariant 2)`, () => {
    assert.throws(() => decodeTensors(header, body), refused(message));
  });
}

test("any header over any bytes decodes to tensors that agree with them, or is refused (invariant 2)", (t) => {
  const size = fc.oneof(fc.nat(12), fc.integer(), fc.double(), fc.constant(2 ** 53), fc.jsonValue());
  const entry = fc.oneof(
    fc.jsonValue(),
    fc.record({
      name: fc.oneof(fc.string(), fc.jsonValue()),
      datatype: fc.oneof(fc.constantFrom(...ALL_DATATYPES), fc.jsonValue()),
      shape: fc.oneof(fc.array(fc.oneof(fc.nat(4), size), { maxLength: 3 }), fc.jsonValue()),
      parameters: fc.oneof(fc.record({ binary_data_size: size }), fc.jsonValue()),
    }),
  );
  checkProperty(
    t,
    fc.property(fc.array(entry, { maxLength: 3 }), fc.uint8Array({ maxLength: 24 }), (header, body) => {
      try {
        for (const one of decodeTensors(header, body)) checkTensor(one);
      } catch (error) {
        assert(error instanceof ShoalError, String(error));
        assert.equal(error.code, "INVALID_ARGUMENT");
      }
    }),
    2_000,
  );
});

test("a size near 2^53 does not wrap around the end of the body", () => {
  const take = { name: "x", size: Number.MAX_SAFE_INTEGER };
  assert.throws(() => takeBinary(Buffer.alloc(4), 2, take), refused(/found 2 bytes left/));
});

test("the version is the package's", () => {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  assert.equal(SHOAL_VERSION, (JSON.parse(manifest) as { version: string }).version);
});
