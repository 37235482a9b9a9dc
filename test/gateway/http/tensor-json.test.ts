import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { parseJsonExactly } from "../../../gateway/http/json.ts";
import {
  needsExactDigits,
  tensorFromJson,
  tensorToJson,
  tensorToNestedJson,
} from "../../../gateway/http/tensor-json.ts";
import { checkTensor, type Datatype, fromBf16, toBf16, type Tensor } from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES, misaligned, tensor, tensorsLike, valuesOf } from "../../support/tensors.ts";

const read = (datatype: Datatype, data: unknown, shape?: readonly number[]): Tensor =>
  tensorFromJson({ name: "x", datatype, shape: shape ?? [(data as unknown[]).length] }, data);
const refused = (message: RegExp): object => ({ code: "INVALID_ARGUMENT", message });
const unrepresentable = (message: RegExp): object => ({ code: "NOT_REPRESENTABLE", message });

/** Values of each datatype as JSON has them, and as the tensor holds them when that is not the same. */
const SAMPLES: Readonly<Record<Datatype, readonly (readonly [json: unknown, held: unknown])[]>> = {
  BOOL: [
    [true, 1],
    [false, 0],
  ],
  UINT8: [
    [0, 0],
    [255, 255],
  ],
  UINT16: [
    [0, 0],
    [65_535, 65_535],
  ],
  UINT32: [
    [0, 0],
    [2 ** 32 - 1, 2 ** 32 - 1],
  ],
  UINT64: [
    [0, 0n],
    [18446744073709551615n, 18446744073709551615n],
    [2 ** 53 - 1, 9007199254740991n],
  ],
  INT8: [
    [-128, -128],
    [127, 127],
  ],
  INT16: [
    [-32_768, -32_768],
    [32_767, 32_767],
  ],
  INT32: [
    [-(2 ** 31), -(2 ** 31)],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ],
  INT64: [
    [-9223372036854775808n, -9223372036854775808n],
    [9223372036854775807n, 9223372036854775807n],
    [-1, -1n],
  ],
  FP16: [
    [0.1, 0.0999755859375],
    [-65_504, -65_504],
    [65_519.99, 65_504],
  ],
  BF16: [
    [1, toBf16(1)],
    [0.1, toBf16(0.1)],
    [-3.3895313892515355e38, 0xff7f],
  ],
  FP32: [
    [0.1, Math.fround(0.1)],
    [-3.4028234663852886e38, -3.4028234663852886e38],
    [2 ** 60, 2 ** 60],
  ],
  FP64: [
    [0.1, 0.1],
    [Number.MAX_VALUE, Number.MAX_VALUE],
    [2 ** 53 + 2, 9007199254740994],
    [5e-324, 5e-324],
  ],
  BYTES: [
    ["", ""],
    ["ä😀\0", Buffer.from("ä😀\0").toString("latin1")],
  ],
};

describe("elements out of JSON", () => {
  for (const datatype of ALL_DATATYPES) {
    const samples = SAMPLES[datatype];
    test(`${datatype}: to the ends of its range`, () => {
      const one = read(
        datatype,
        samples.map(([json]) => json),
      );
      checkTensor(one);
      assert.deepEqual(
        valuesOf(one),
        samples.map(([, held]) => held),
      );
    });
  }

  for (const [datatype, values] of Object.entries({
    BOOL: [2, -1, "true", null, 0.5, [true]],
    UINT8: [-1, 256, 1.5, "1", null, true, undefined],
    UINT16: [-1, 65_536],
    UINT32: [-1, 2 ** 32],
    UINT64: [-1, -1n, 2n ** 64n, 2 ** 53, 1.5, "1", null],
    INT8: [-129, 128],
    INT16: [-32_769, 32_768],
    INT32: [-(2 ** 31) - 1, 2 ** 31],
    INT64: [-(2n ** 63n) - 1n, 2n ** 63n, 1e19, true],
    FP16: [65_520, -65_520, "1", null, true],
    BF16: [(2 - 2 ** -8) * 2 ** 127, -3.4e38],
    FP32: [3.4028235677973366e38, 1e39, -1e39],
    FP64: [Infinity, -Infinity, "NaN", {}],
    BYTES: [1, null, {}, ["a"], "\ud800", "a\udfffb"],
  })) {
    for (const value of values) {
      test(`${datatype}: ${typeof value === "bigint" ? value : JSON.stringify(value)} is refused (invariant 1)`, () => {
        const [[first] = []] = SAMPLES[datatype as Datatype];
        assert.throws(
          () => read(datatype as Datatype, [first, value]),
          refused(/"x": found .* as element 1, wanted/s),
        );
      });
    }
  }

  test("what was found is named, shortly", () => {
    for (const [value, found] of [
      [Infinity, "Infinity"],
      ["x".repeat(1_000), `"${"x".repeat(56)}…`],
      [{ a: 1 }, "an object"],
      [[1], "a list"],
      [undefined, "nothing"],
      [null, "null"],
    ] as const) {
      assert.throws(
        () => read("FP32", [value]),
        (error: Error) => error.message.includes(`found ${found} as element 0`),
      );
    }
  });

  describe("flat or nested", () => {
    const flat = [1, 2, 3, 4, 5, 6];
    for (const [shape, data] of [
      [[2, 3], flat],
      [
        [2, 3],
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
      [
        [3, 1, 2],
        [[[1, 2]], [[3, 4]], [[5, 6]]],
      ],
      [[6], flat],
      [[1, 1, 6], [[flat]]],
    ] as const) {
      test(`[${shape.join(",")}] from ${JSON.stringify(data)}`, () => {
        assert.deepEqual(valuesOf(read("INT32", data, shape)), flat);
      });
    }

    test("a scalar is bare or a list of one", () => {
      assert.deepEqual(valuesOf(read("INT32", 7, [])), [7]);
      assert.deepEqual(valuesOf(read("INT32", [7], [])), [7]);
    });

    test("an empty tensor has no elements, however it is nested", () => {
      for (const [shape, data] of [
        [[0, 3], []],
        [
          [2, 0],
          [[], []],
        ],
        [[2, 0], []],
      ] as const) {
        assert.equal(read("INT32", data, shape).bytes.byteLength, 0);
      }
    });

    for (const [shape, data, message] of [
      [[2, 3], [[1, 2, 3]], /found a list of 1, wanted nesting as shape \[2,3\]/],
      [
        [2, 3],
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        /found a list of 3, wanted nesting/,
      ],
      [
        [2, 3],
        [
          [1, 2, 3],
          [4, 5],
        ],
        /found a list of 2 at \[1\]/,
      ],
      [[2, 3], [[1, 2, 3], 4], /found 4 at \[1\], wanted a list of 3/],
      [[2, 3], [1, 2, 3, [4, 5, 6]], /found 4 elements, wanted 6/],
      [[4], [1, 2, 3, [4]], /found a list as element 3/],
      [[2], [[[1]], [[2]]], /found a list of 1 at|found a list as element 0/],
      [[], [[1]], /found a list of 1, wanted nesting as shape \[\]/],
      [[2], { 0: 1, 1: 2 }, /found an object as data, wanted a list/],
      [[2], "12", /found "12" as data, wanted a list/],
      [[0], [1], /found 1 elements, wanted 0/],
      [[2, 0], [[1], []], /found a list of 1 at \[0\]/],
    ] as const) {
      test(`[${shape.join(",")}] from ${JSON.stringify(data)} is refused`, () => {
        assert.throws(() => read("INT32", data, shape), refused(message));
      });
    }
  });

  test("only whole numbers of 64 bits need their digits read again", () => {
    assert.equal(needsExactDigits("INT64", [[1, 2 ** 53]]), true);
    assert.equal(needsExactDigits("UINT64", [1e19]), true);
    assert.equal(needsExactDigits("INT64", [2 ** 53 - 1, 1.5]), false);
    assert.equal(needsExactDigits("FP64", [2 ** 60]), false);
  });
});

describe("elements to JSON", () => {
  const write = (datatype: Datatype, values: readonly (number | bigint | string)[]): string =>
    tensorToJson(tensor("y", datatype, { shape: [values.length], values }));

  test("whole numbers of 64 bits keep every digit", () => {
    assert.equal(
      write("INT64", [-9223372036854775808n, 9007199254740993n]),
      "[-9223372036854775808,9007199254740993]",
    );
    assert.equal(write("UINT64", [18446744073709551615n]), "[18446744073709551615]");
  });

  test("booleans are true and false, texts are escaped", () => {
    assert.equal(write("BOOL", [0, 1, 255]), "[false,true,true]");
    assert.deepEqual(JSON.parse(write("BYTES", ['"\\\n', "ä😀", "\ufeffx", "\u2028"])), [
      '"\\\n',
      "ä😀",
      "\ufeffx",
      "\u2028",
    ]);
  });

  for (const [datatype, values, found] of [
    ["FP32", [1, Number.NaN], "element 1 is NaN"],
    ["FP64", [Infinity], "element 0 is Infinity"],
    ["FP16", [0, 0, -Infinity], "element 2 is -Infinity"],
    ["BF16", [toBf16(1), toBf16(Number.NaN)], "element 1 is NaN"],
    ["BF16", [toBf16(Infinity)], "element 0 is Infinity"],
  ] as const) {
    test(`${datatype}: ${found}, which JSON has not (invariant 2)`, () => {
      const message = new RegExp(`Cannot write output "y" as JSON: ${found}.*ask for it with binary_data`);
      assert.throws(() => write(datatype, values), unrepresentable(message));
    });
  }

  test("bytes that are no text are refused (invariant 2)", () => {
    const one = tensor("y", "BYTES", { shape: [2], values: ["ok", Uint8Array.of(0xff)] });
    assert.throws(() => tensorToJson(one), unrepresentable(/element 1 is bytes that are not UTF-8/));
  });

  test("nesting follows the shape", () => {
    const nested = (shape: readonly number[]): string =>
      tensorToNestedJson(tensor("y", "INT8", { shape, values: [1, 2, 3, 4, 5, 6] }));
    assert.equal(nested([6]), "[1,2,3,4,5,6]");
    assert.equal(nested([2, 3]), "[[1,2,3],[4,5,6]]");
    assert.equal(nested([3, 1, 2]), "[[[1,2]],[[3,4]],[[5,6]]]");
    const empty = (shape: readonly number[]): string =>
      tensorToNestedJson(tensor("y", "INT8", { shape, values: [] }));
    assert.equal(empty([0]), "[]");
    assert.equal(empty([0, 3]), "[]");
    assert.equal(empty([2, 0]), "[[],[]]");
    assert.equal(tensorToNestedJson(tensor("y", "INT8", { shape: [], values: [7] })), "7");
  });
});

describe("there and back", () => {
  for (const datatype of ALL_DATATYPES) {
    test(`${datatype}: what JSON can hold comes back bit by bit, flat and nested, aligned or not`, (t) => {
      checkProperty(
        t,
        fc.property(tensorsLike(datatype, [2, 2]), fc.boolean(), fc.boolean(), (random, nested, shift) => {
          const own = shift ? misaligned(random) : random;
          let text: string;
          try {
            text = nested ? tensorToNestedJson(own) : tensorToJson(own);
          } catch (error) {
            assert.equal((error as { code?: string }).code, "NOT_REPRESENTABLE");
            return;
          }
          const data: unknown = JSON.parse(text);
          const exact = needsExactDigits(datatype, data) ? parseJsonExactly(Buffer.from(text)) : data;
          const back = tensorFromJson(own, exact);
          assert.deepEqual(valuesOf(back), valuesOf(normal(own)));
        }),
      );
    });
  }

  test("BF16 prints what its bits stand for", () => {
    assert.equal(
      tensorToJson(tensor("y", "BF16", { shape: [2], values: [0x3f80, 0x4049] })),
      `[1,${fromBf16(0x4049)}]`,
    );
  });
});

/** A BOOL of any bits but none is true. */
function normal(of: Tensor): Tensor {
  return of.datatype === "BOOL" ? { ...of, bytes: of.bytes.map((bit) => (bit === 0 ? 0 : 1)) } : of;
}
