import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import {
  byteLengthOf,
  bytesElements,
  checkTensor,
  concatRows,
  concatShape,
  DATATYPES,
  elementCount,
  encodeBytesElements,
  rowsOf,
  splitRows,
  type Tensor,
  typedView,
} from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES, misaligned, tensor, tensorsLike, valuesOf } from "../../support/tensors.ts";

const refused = (message: RegExp): object => ({ name: "ShoalError", code: "INVALID_ARGUMENT", message });

describe("shape arithmetic", () => {
  test("counts elements; a scalar has one, a shape with a zero none", () => {
    assert.equal(elementCount([]), 1);
    assert.equal(elementCount([2, 3, 4]), 24);
    assert.equal(elementCount([5, 0, 7]), 0);
  });

  test("a product past 2^53 is refused, wherever a zero stands (invariant 2)", () => {
    for (const shape of [
      [2 ** 27, 2 ** 27],
      [2 ** 32, 2 ** 32, 1],
      [Number.MAX_SAFE_INTEGER, 2],
      [65_536, 65_536, 65_536, 65_536],
      Array.from({ length: 64 }, () => 2),
    ]) {
      assert.throws(() => elementCount(shape), refused(/too many elements/));
    }
    assert.equal(elementCount([Number.MAX_SAFE_INTEGER]), Number.MAX_SAFE_INTEGER);
  });

  test("what is no size is refused and named", () => {
    for (const size of [-1, 1.5, Number.NaN, Infinity, 2 ** 53]) {
      assert.throws(
        () => elementCount([2, size]),
        refused(new RegExp(`found ${size}, wanted whole numbers`)),
      );
    }
  });

  test("agrees with exact arithmetic on any shape, or refuses", (t) => {
    const size = fc.oneof(fc.nat(9), fc.nat({ max: Number.MAX_SAFE_INTEGER }));
    checkProperty(
      t,
      fc.property(fc.array(size, { maxLength: 8 }), (shape) => {
        const exact = shape.reduce((product, each) => product * BigInt(each), 1n);
        try {
          assert.equal(BigInt(elementCount(shape)), exact);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          const withoutZeros = shape.filter((each) => each > 0).reduce((p, each) => p * BigInt(each), 1n);
          assert(withoutZeros > BigInt(Number.MAX_SAFE_INTEGER));
        }
      }),
      1_000,
    );
  });
});

describe("agreement of bytes, datatype and shape (invariant 1)", () => {
  for (const datatype of ALL_DATATYPES.filter((each) => each !== "BYTES")) {
    test(`${datatype}: exactly its bytes are taken`, () => {
      const byteLength = byteLengthOf(datatype, 6);
      const of = (size: number): Tensor => ({
        name: "x",
        datatype,
        shape: [2, 3],
        bytes: new Uint8Array(size),
      });
      checkTensor(of(byteLength));
      for (const size of [0, byteLength - 1, byteLength + 1]) {
        const message = new RegExp(
          `"x": found ${size} bytes, wanted ${byteLength} for ${datatype} \\[2,3\\]`,
        );
        assert.throws(() => checkTensor(of(size)), refused(message));
      }
    });
  }

  test("a shape whose bytes pass 2^53 never fits", () => {
    const huge = {
      name: "x",
      datatype: "FP64",
      shape: [Number.MAX_SAFE_INTEGER],
      bytes: Buffer.alloc(8),
    } as const;
    assert.throws(() => checkTensor(huge), refused(/found 8 bytes/));
  });

  test("BYTES: the length prefixes add up, none reaches over the end", () => {
    const good = tensor("x", "BYTES", { shape: [3], values: ["", "ab", Uint8Array.of(0, 255)] });
    checkTensor(good);
    assert.deepEqual(valuesOf(good), ["", "ab", "\x00\xff"]);
    const cut = (size: number): Tensor => ({ ...good, bytes: good.bytes.subarray(0, size) });
    for (let size = 0; size < good.bytes.byteLength; size++) {
      assert.throws(() => checkTensor(cut(size)), refused(/end within element \d, wanted 3 elements/));
    }
    assert.throws(() => checkTensor({ ...good, shape: [2] }), refused(/its 2 elements end at 10/));
    assert.throws(() => checkTensor({ ...good, shape: [4] }), refused(/wanted 4 elements/));
    const liar = Uint8Array.from(good.bytes);
    new DataView(liar.buffer).setUint32(0, 0xffff_ffff, true);
    assert.throws(() => checkTensor({ ...good, bytes: liar }), refused(/end within element 0/));
  });

  test("BYTES: any bytes under any shape are taken or refused, never read beyond", (t) => {
    checkProperty(
      t,
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(6), (bytes, count) => {
        const any: Tensor = { name: "x", datatype: "BYTES", shape: [count], bytes };
        try {
          checkTensor(any);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "INVALID_ARGUMENT");
          return;
        }
        assert.equal(bytesElements(any).length, count);
        assert.deepEqual(encodeBytesElements(bytesElements(any)), bytes);
      }),
      1_000,
    );
  });
});

describe("views", () => {
  for (const datatype of ALL_DATATYPES) {
    const { elementBytes, array } = DATATYPES[datatype];
    test(`${datatype}: an aligned view shares its memory, a misaligned one is a copy of the same values`, () => {
      const bytes = new Uint8Array(64).map((_, index) => index);
      const part = bytes.subarray(16, 48);
      const view = typedView({ datatype, bytes: part });
      assert(view instanceof array);
      assert.equal(view.buffer, bytes.buffer);
      assert.equal(view.byteOffset, 16);

      const odd = misaligned({ name: "x", datatype, shape: [], bytes: part });
      const copy = typedView(odd);
      assert.deepEqual(copy, view);
      assert.equal(copy.buffer === odd.bytes.buffer, elementBytes <= 1);
    });
  }

  test("a Buffer out of the pool, whose slice is a view at the same odd offset, is read rightly", () => {
    const body = Buffer.concat([Buffer.from("x"), Buffer.from(Float64Array.of(1.5, -2.5).buffer)]);
    const part = body.subarray(1);
    assert.deepEqual(typedView({ datatype: "FP64", bytes: part }), Float64Array.of(1.5, -2.5));
  });

  test("the parts of a split and the elements of BYTES are views", () => {
    const whole = tensor("x", "INT32", { shape: [4, 2], values: [1, 2, 3, 4, 5, 6, 7, 8] });
    for (const part of splitRows(whole, [1, 3])) assert.equal(part.bytes.buffer, whole.bytes.buffer);
    const texts = tensor("x", "BYTES", { shape: [2], values: ["ab", "cde"] });
    for (const element of bytesElements(texts)) assert.equal(element.buffer, texts.bytes.buffer);
    for (const part of splitRows(texts, [1, 1])) assert.equal(part.bytes.buffer, texts.bytes.buffer);
  });
});

describe("the batch axis", () => {
  test("is the outermost; a scalar is one row", () => {
    assert.equal(rowsOf({ shape: [7, 2] }), 7);
    assert.equal(rowsOf({ shape: [] }), 1);
  });

  for (const datatype of ALL_DATATYPES) {
    test(`${datatype}: split(concat(parts)) gives the parts, aligned or not`, (t) => {
      const inner = fc.array(fc.nat(3), { maxLength: 2 });
      const parts = inner.chain((shape) =>
        fc.array(tensorsLike(datatype, shape), { minLength: 1, maxLength: 6 }),
      );
      checkProperty(
        t,
        fc.property(parts, fc.boolean(), (aligned, shift) => {
          const given = shift ? aligned.map(misaligned) : aligned;
          const whole = concatRows(given);
          checkTensor(whole);
          assert.equal(
            rowsOf(whole),
            given.reduce((sum, part) => sum + rowsOf(part), 0),
          );
          const back = splitRows(whole, given.map(rowsOf));
          assert.deepEqual(back.map(plain), given.map(plain));
        }),
      );
    });
  }

  test("one part is passed on as it is, whatever its shape", () => {
    const only = tensor("x", "FP32", { shape: [2, 2], values: [1, 2, 3, 4] });
    assert.equal(concatRows([only]), only);
    assert.equal(splitRows(only, [2])[0], only);
  });

  test("parts that do not go together are refused", () => {
    const a = tensor("a", "FP32", { shape: [1, 2], values: [1, 2] });
    for (const b of [
      tensor("b", "FP32", { shape: [1, 3], values: [1, 2, 3] }),
      tensor("b", "INT32", { shape: [1, 2], values: [1, 2] }),
      tensor("b", "FP32", { shape: [2], values: [1, 2] }),
    ]) {
      assert.throws(() => concatRows([a, b]), refused(/Cannot concatenate "b".*wanted FP32 \[-1,2\]/));
    }
    const scalar = tensor("s", "FP32", { shape: [], values: [1] });
    assert.throws(
      () => concatShape([scalar, scalar]),
      refused(/wanted at least one tensor with a batch axis/),
    );
    assert.throws(() => concatShape([]), refused(/at least one/));
  });

  test("rows that do not add up are refused", () => {
    const whole = tensor("x", "FP32", { shape: [3], values: [1, 2, 3] });
    assert.throws(() => splitRows(whole, [1, 1]), refused(/found shape \[3\], wanted 2 rows/));
    assert.throws(() => splitRows({ ...whole, shape: [] }, [1]), refused(/Cannot split/));
  });
});

function plain({ name, datatype, shape, bytes }: Tensor): object {
  return { name, datatype, shape, bytes: [...bytes] };
}
