import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DATATYPES, fromBf16, isDatatype, toBf16 } from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES } from "../../support/tensors.ts";

test("every datatype of V2 is there, with an array that holds one element in its size", () => {
  assert.deepEqual(
    ALL_DATATYPES.toSorted(),
    "BF16 BOOL BYTES FP16 FP32 FP64 INT16 INT32 INT64 INT8 UINT16 UINT32 UINT64 UINT8".split(" "),
  );
  for (const datatype of ALL_DATATYPES) {
    const { array, elementBytes } = DATATYPES[datatype];
    if (datatype !== "BYTES") assert.equal(array.BYTES_PER_ELEMENT, elementBytes, datatype);
  }
});

test("a name is a datatype only when the table itself has it", () => {
  for (const name of ["FP32", "BYTES"]) assert.equal(isDatatype(name), true, name);
  for (const name of ["fp32", "FLOAT", "toString", "__proto__", "", 1, null, undefined, ["FP32"]]) {
    assert.equal(isDatatype(name), false, String(name));
  }
});

const LARGEST_BF16 = fromBf16(0x7f7f);

test("BF16 keeps the values it has, zero's sign and the infinities", () => {
  for (const value of [
    0,
    1,
    -1,
    0.5,
    2 ** -126,
    2 ** -133,
    LARGEST_BF16,
    -LARGEST_BF16,
    Infinity,
    -Infinity,
  ]) {
    assert.equal(fromBf16(toBf16(value)), value);
  }
  assert.equal(Object.is(fromBf16(toBf16(-0)), -0), true);
  assert.equal(toBf16(Number.NaN), 0x7fc0);
  assert.equal(Number.isNaN(fromBf16(0x7f81)), true);
});

test("BF16 rounds to the nearest, a tie to the even one, and past its largest to infinity", () => {
  const step = 2 ** -7;
  assert.equal(fromBf16(toBf16(1 + step / 2)), 1, "a tie, down to even");
  assert.equal(fromBf16(toBf16(1 + (3 * step) / 2)), 1 + 2 * step, "a tie, up to even");
  assert.equal(fromBf16(toBf16(1 + 0.51 * step)), 1 + step);
  assert.equal(fromBf16(toBf16(-1 - 0.51 * step)), -1 - step);
  assert.equal(fromBf16(toBf16(LARGEST_BF16 * 1.001)), LARGEST_BF16);
  assert.equal(fromBf16(toBf16(3.3962e38)), Infinity);
  assert.equal(fromBf16(toBf16(-1e300)), -Infinity);
});

test("BF16 rounds once: not first to a single and then again", () => {
  const tie = 1 + 2 ** -8;
  assert.equal(fromBf16(toBf16(tie + 2 ** -40)), 1 + 2 ** -7, "above the tie by less than a single shows");
  assert.equal(fromBf16(toBf16(-tie - 2 ** -40)), -1 - 2 ** -7);
  const oddTie = 1 + 3 * 2 ** -8;
  assert.equal(fromBf16(toBf16(oddTie - 2 ** -40)), 1 + 2 ** -7, "below the tie");
});

test("every finite BF16 is nearer to what it stands for than its neighbours are", (t) => {
  const finite = fc.double({ min: -LARGEST_BF16, max: LARGEST_BF16, noNaN: true });
  checkProperty(
    t,
    fc.property(finite, (value) => {
      const half = toBf16(value);
      const error = Math.abs(fromBf16(half) - value);
      for (const neighbour of [half - 1, half + 1]) {
        const other = fromBf16(neighbour & 0xffff);
        if (Number.isFinite(other)) assert(error <= Math.abs(other - value), `${value} → ${half}`);
      }
    }),
    2_000,
  );
});

test("FP16 rounds to the nearest, a tie to the even one", () => {
  const { array } = DATATYPES.FP16;
  const rounded = (value: number): number => new array([value])[0] ?? Number.NaN;
  assert.equal(rounded(1 + 2 ** -11), 1);
  assert.equal(rounded(1 + 3 * 2 ** -11), 1 + 2 * 2 ** -10);
  assert.equal(rounded(65_519.996), 65_504);
  assert.equal(rounded(65_520), Infinity);
});
