import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { differenceOf } from "../../../controller/traffic/compare.ts";
import { type Datatype, toBf16 } from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES, misaligned, tensor, tensorsLike } from "../../support/tensors.ts";

const TOLERANCE = { relativeTolerance: 1e-3, absoluteTolerance: 1e-6 };

const row = (datatype: Datatype, values: readonly (number | bigint | string)[], name = "y") =>
  tensor(name, datatype, { shape: [values.length], values });

function difference(
  datatype: Datatype,
  expected: readonly (number | bigint | string)[],
  found: readonly (number | bigint | string)[],
): string | undefined {
  return differenceOf([row(datatype, expected)], [row(datatype, found)], TOLERANCE);
}

describe("answers", () => {
  test("that are equal are equal, of every datatype and wherever they lie", (t) => {
    const any = fc.constantFrom(...ALL_DATATYPES).chain((datatype) => tensorsLike(datatype, [2]));
    checkProperty(
      t,
      fc.property(any, (one) => assert.equal(differenceOf([one], [misaligned(one)], TOLERANCE), undefined)),
    );
  });

  for (const [what, datatype, expected, found, wanted] of [
    ["floats within the relative tolerance", "FP32", [1000, 1], [1000.9, 1.0005], undefined],
    ["floats beyond it", "FP32", [1, 1000], [1, 1002], "y[1]: found 1002, expected 1000"],
    ["doubles near 0 within the absolute one", "FP64", [0], [9e-7], undefined],
    ["doubles near 0 beyond it", "FP64", [0], [2e-6], "y[0]: found 0.000002, expected 0"],
    ["halves", "FP16", [1], [1.5], "y[0]: found 1.5, expected 1"],
    [
      "brain floats as the numbers they are",
      "BF16",
      [toBf16(1), toBf16(2)],
      [toBf16(1), toBf16(2.5)],
      "y[1]: found 2.5, expected 2",
    ],
    ["NaN and NaN", "FP64", [Number.NaN, Infinity, -0], [Number.NaN, Infinity, 0], undefined],
    ["NaN and a number", "FP32", [1], [Number.NaN], "y[0]: found NaN, expected 1"],
    ["infinities of both signs", "FP32", [Infinity], [-Infinity], "y[0]: found -Infinity, expected Infinity"],
    ["an infinity and a number", "FP32", [Infinity], [1], "y[0]: found 1, expected Infinity"],
    ["whole numbers exactly", "INT32", [7, 1000], [7, 1001], "y[1]: found 1001, expected 1000"],
    [
      "large whole numbers exactly",
      "INT64",
      [2n ** 60n],
      [2n ** 60n + 1n],
      `y[0]: found ${2n ** 60n + 1n}, expected ${2n ** 60n}`,
    ],
    ["texts", "BYTES", ["a", "cat"], ["a", "dog"], 'y[1]: found "dog", expected "cat"'],
    ["truth", "BOOL", [1], [0], "y[0]: found 0, expected 1"],
    ["shapes", "INT8", [1, 2], [1], "y: found INT8 [1], expected INT8 [2]"],
  ] as const satisfies readonly (readonly [
    string,
    Datatype,
    readonly (number | bigint | string)[],
    readonly (number | bigint | string)[],
    string | undefined,
  ])[]) {
    test(`${what}: ${wanted ?? "the same"}`, () =>
      assert.equal(difference(datatype, expected, found), wanted));
  }

  test("of other names, datatypes and numbers differ", () => {
    const [y, z] = [row("FP32", [1]), row("FP32", [1], "z")];
    assert.equal(differenceOf([y, z], [z, y], TOLERANCE), undefined);
    assert.equal(differenceOf([y, z], [y], TOLERANCE), "z: missing");
    assert.equal(differenceOf([y], [y, z], TOLERANCE), "z: not expected");
    assert.match(
      differenceOf([y], [row("FP64", [1])], TOLERANCE) ?? "",
      /found FP64 \[1\], expected FP32 \[1\]/,
    );
  });

  test("of millions of elements are looked at in part, spread evenly", () => {
    const values = new Float32Array(1_000_000);
    const big = (array: Float32Array) => ({
      name: "y",
      datatype: "FP32" as const,
      shape: [array.length],
      bytes: new Uint8Array(array.buffer),
    });
    const other = values.map((_, index) => (index > 500_000 ? 1 : 0));
    assert.match(
      differenceOf([big(values)], [big(other)], TOLERANCE) ?? "",
      /^y\[5000\d\d\]: found 1, expected 0$/,
    );
  });
});
