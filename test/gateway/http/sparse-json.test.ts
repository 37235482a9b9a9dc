// Lists of numbers read from the bytes of a body: the same tensors, and the same refusals, as from what JSON.parse gives.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { scaled } from "../../../gateway/http/decimal.ts";
import { NumberReader } from "../../../gateway/http/number-list.ts";
import { decodePlain, decodePlainJson } from "../../../gateway/http/plain.ts";
import { trySparse } from "../../../gateway/http/sparse-json.ts";
import { decodeV2Json, decodeV2Request, type V2Context } from "../../../gateway/http/v2-request.ts";
import { messageOf, type Tensor } from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES, valuesOf } from "../../support/tensors.ts";
import { identity, LIMITS } from "./support.ts";

/** Numbers as clients write them, and as none does. */
const numberText = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  {
    weight: 4,
    arbitrary: fc.double({ min: -4, max: 4, noNaN: true }).map((value) => String(Math.fround(value))),
  },
  { weight: 4, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value.toPrecision(6)) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 255 }).map(String) },
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toExponential()),
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,25})?([eE][+-]?\d{1,3})?$/),
  fc.constantFrom("-0", "0.0", "-0e5", "1E2", "1e400", "-1e-400", "5e-324", "2.4703282292062328e-324"),
);
/** What is no number of JSON. */
const faultText = fc.constantFrom(
  "01",
  "1.",
  ".5",
  "+1",
  "-",
  "1e",
  "1e+",
  "0x1",
  "NaN",
  "-Infinity",
  "",
  "1_0",
  "1 2",
  '"1"',
  "null",
  "true",
  "[1],2",
  "--1",
  "1.e5",
  "00",
  "-01",
);

/** The list's text, with white space as `gap` has it. */
function listText(texts: readonly string[], shape: readonly number[], gap: string): string {
  let level = [...texts];
  for (const size of shape.toReversed()) {
    const lists: string[] = [];
    for (let at = 0; at < level.length; at += size) {
      lists.push(`[${gap}${level.slice(at, at + size).join(`${gap},${gap}`)}${gap}]`);
    }
    level = lists;
  }
  return level.join(",");
}

const gaps = fc.constantFrom("", " ", "\n\t", "\r\n  ");
const shapes = fc.constantFrom([80], [1, 80], [8, 10], [2, 4, 10], [80, 1], [1, 1, 80]);

describe("a list", () => {
  const read = (text: string): unknown => {
    const reader = new NumberReader(Buffer.from(text), 1_000_000);
    if (!reader.begins(0, 16)) return undefined;
    const found = reader.read(0);
    return found && { shape: found.shape, end: found.end, values: [...reader.listOf(found).values] };
  };

  test("has the values that JSON.parse gives, bit by bit (invariant 1)", (t) => {
    const lists = fc.tuple(fc.array(numberText, { minLength: 80, maxLength: 80 }), shapes, gaps);
    checkProperty(
      t,
      fc.property(lists, ([texts, shape, gap]) => {
        const values = texts.map((text) => Number(text));
        const text = listText(texts, shape, gap);
        // Those that take JSON.parse's own routine are left to it when they are many.
        const unusual = texts.filter((one) => !/^-?\d{1,10}(\.\d{1,7})?$/.test(one)).length;
        const found = read(text);
        if (found === undefined) assert.ok(unusual > 64);
        else assert.deepEqual(found, { shape, end: text.length, values });
      }),
      500,
    );
  });

  test("with anything else in it is not read", (t) => {
    const faults = fc.tuple(
      fc.array(numberText, { maxLength: 20 }),
      faultText,
      fc.array(numberText, { maxLength: 20 }),
      gaps,
    );
    checkProperty(
      t,
      fc.property(faults, ([before, fault, after, gap]) => {
        assert.equal(
          read(listText([...before, fault, ...after], [before.length + 1 + after.length], gap)),
          undefined,
        );
      }),
      500,
    );
  });

  for (const text of [
    "[[1,2],[3]]",
    "[[1],[2,3]]",
    "[[1],2]",
    "[1,[2]]",
    "[[1]",
    "[1",
    "[1]]".slice(0, 2),
    "[]",
    "[[]]",
    "[[1],[]]",
    "[[1],[[2]]]",
    "[[[1]],[2]]",
    "[1,]",
    "[,1]",
    "[1;2]",
    "[[1],]",
    "[[1][2]]",
    "[1}",
  ]) {
    test(`${text} has no shape, or is no JSON (invariant 2)`, () => assert.equal(read(text), undefined));
  }

  test("ends where its brackets do", () => {
    assert.deepEqual(read("[[1],[2]],3]"), { shape: [2, 1], end: 9, values: [1, 2] });
  });

  test("of many numbers is read whole, and of more than may be not at all", () => {
    const values = Array.from({ length: 300_000 }, (_, index) => index / 8);
    const body = Buffer.from(JSON.stringify(values));
    const reader = new NumberReader(body, values.length);
    const found = reader.read(0);
    assert.deepEqual(found && [...reader.listOf(found).values], values);
    assert.equal(new NumberReader(body, values.length - 1).read(0), undefined);
    assert.equal(new NumberReader(Buffer.from("[1,2,3]"), 2).read(0), undefined);
  });
});

describe("a number of up to 18 digits", () => {
  const parts = (digits: bigint): [number, number] => [
    Number(digits / 2n ** 30n) * 2 ** 30,
    Number(digits % 2n ** 30n),
  ];

  test("is the nearest double, or left open", (t) => {
    const digits = fc.bigInt({ min: 0n, max: 10n ** 18n - 1n });
    checkProperty(
      t,
      fc.property(digits, fc.integer({ min: -30, max: 50 }), (whole, places) => {
        const [high, low] = parts(whole);
        const value = scaled(high, low, places);
        if (!Number.isNaN(value)) assert.equal(value, Number(`${whole}e${-places}`));
        else assert.ok(places < 0 || places > 22 || whole > 2n ** 53n);
      }),
      2_000,
    );
  });

  test("half way between two doubles, and next to it, is never rounded the wrong way", (t) => {
    const middles = fc.tuple(
      fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }),
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 6 }),
    );
    checkProperty(
      t,
      fc.property(middles, fc.bigInt({ min: -1n, max: 1n }), ([mantissa, up, down], aside) => {
        // (2m + 1) * 2^up / 2^down has as many decimal places as `down`.
        const whole = (2n * mantissa + 1n) * 2n ** BigInt(up) * 5n ** BigInt(down) + aside;
        if (whole >= 2n ** 63n) return;
        const [high, low] = parts(whole);
        const value = scaled(high, low, down);
        assert.ok(Number.isNaN(value) || value === Number(`${whole}e${-down}`));
      }),
      2_000,
    );
  });
});

type Outcome = { readonly tensors: readonly object[] } | { readonly refusal: string };

/** What comes of a body: tensors with their bytes, or the refusal's words. */
function outcomeOf(decode: () => readonly Tensor[]): Outcome {
  try {
    return {
      tensors: decode().map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes).toString("hex") })),
    };
  } catch (thrown) {
    return { refusal: messageOf(thrown) };
  }
}

const contextOf = (signature: V2Context["signature"]): V2Context => ({
  model: "m",
  signature,
  limits: LIMITS,
});

/** The first, and now and then one of the others. */
const seldom = <T>(first: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(first) }, fc.constantFrom(...others));

/** Bodies of one input with many numbers, as clients lay them out, some of them spoilt. */
const bodies = fc
  .record({
    datatype: fc.oneof(fc.constantFrom("FP32", "FP64", "INT64"), fc.constantFrom(...ALL_DATATYPES)),
    texts: fc.oneof(
      {
        weight: 3,
        arbitrary: fc.array(fc.integer({ min: 0, max: 127 }).map(String), { minLength: 80, maxLength: 80 }),
      },
      fc.array(fc.constantFrom("0", "1", "1.0", "-0"), { minLength: 80, maxLength: 80 }),
      fc.array(fc.double({ min: -4, max: 4, noNaN: true }).map(String), { minLength: 80, maxLength: 80 }),
      fc.array(numberText, { minLength: 80, maxLength: 80 }),
      fc.array(fc.oneof(numberText, faultText), { minLength: 80, maxLength: 80 }),
    ),
    shape: shapes,
    said: seldom(undefined, [80], [10, 8], [81], [1, 79], [80, 1, 1], []),
    gap: gaps,
    order: fc.shuffledSubarray(["name", "shape", "datatype", "data"], { minLength: 4 }),
    spare: seldom(
      "",
      ',"spare":[[1,2],{"a":"é"}]',
      ',"data":[1,2]',
      `,"data":[${"7,".repeat(79)}7]`,
      `,"spare":[${"7,".repeat(99)}7]`,
      ',"parameters":{"a":[1]}',
      ',"spare":"\\u0000"',
      ',"spare":"[1,2"',
    ),
    padding: fc.constantFrom(" ".repeat(1024), " ".repeat(1024), "", " ".repeat(5_000)),
    spoils: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      fc.array(
        fc.record({
          at: fc.nat(),
          cut: fc.nat(3),
          put: fc.constantFrom(
            "",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            '"',
            "\\",
            "-",
            "0",
            "9",
            ".",
            "e",
            " ",
            "\0",
            "\xff",
            "null",
          ),
        }),
        { maxLength: 2 },
      ),
    ),
  })
  .map(({ datatype, texts, shape, said, gap, order, spare, padding, spoils }) => {
    const data = listText(texts, shape, gap);
    const fields: Record<string, string> = {
      name: '"x"',
      shape: JSON.stringify(said ?? shape),
      datatype: `"${datatype}"`,
      data,
    };
    const input = `{${order.map((key) => `"${key}":${gap}${fields[key]}`).join(`,${gap}`)}${spare}}`;
    return { datatype, shape, input, data, padding, spoils };
  });

/** Puts things where they do not belong. */
function spoil(text: string, spoils: readonly { at: number; cut: number; put: string }[]): Buffer {
  let bytes = Buffer.from(text);
  for (const { at, cut, put } of spoils) {
    const from = at % (bytes.byteLength + 1);
    bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(put, "latin1"), bytes.subarray(from + cut)]);
  }
  return bytes;
}

describe("a body", () => {
  test("of V2 comes to what it comes to without this, word by word (invariants 1 to 3)", (t) => {
    let inPlace = 0;
    let refused = 0;
    checkProperty(
      t,
      fc.property(bodies, ({ datatype, shape, input, padding, spoils }) => {
        const body = spoil(`{"id":"a",${padding}"inputs":[${input}]}`, spoils);
        const context = contextOf(
          identity(
            datatype,
            shape.map(() => -1),
          ),
        );
        const outcome = outcomeOf(() => decodeV2Request(body, undefined, context).inputs);
        const wanted = outcomeOf(() => decodeV2Json({ json: body, binary: Buffer.alloc(0), context }).inputs);
        assert.deepEqual(outcome, wanted);
        if ("refusal" in outcome) refused++;
        else if (
          trySparse(body, LIMITS, (sparse) =>
            decodeV2Json({ json: body, binary: Buffer.alloc(0), context }, sparse),
          )
        )
          inPlace++;
      }),
      1_500,
    );
    t.diagnostic(`${inPlace} read in place, ${refused} refused`);
    assert.ok(inPlace > 50 && refused > 50);
  });

  test("of the plain route the same", (t) => {
    let inPlace = 0;
    checkProperty(
      t,
      fc.property(
        bodies,
        fc.constantFrom("", "inputs", "x", "y"),
        ({ datatype, shape, data, padding, spoils }, form) => {
          const forms: Record<string, string> = {
            "": `${padding}${data}`,
            inputs: `{"inputs":${padding}${data}}`,
            x: `{"inputs":{"x":${padding}${data}}}`,
            y: `{"inputs":{"y":${padding}${data}}}`,
          };
          const body = spoil(forms[form] ?? "", spoils);
          const context = contextOf(
            identity(
              datatype,
              shape.map(() => -1),
            ),
          );
          const outcome = outcomeOf(() => decodePlain(body, context));
          assert.deepEqual(
            outcome,
            outcomeOf(() => decodePlainJson(body, context)),
          );
          if (
            "tensors" in outcome &&
            trySparse(body, LIMITS, (sparse) => decodePlainJson(body, context, sparse))
          )
            inPlace++;
        },
      ),
      1_000,
    );
    t.diagnostic(`${inPlace} read in place`);
    assert.ok(inPlace > 50);
  });

  const numbers = Array.from({ length: 400 }, (_, index) => index / 3);
  const sparse = (text: string, limits = LIMITS): unknown =>
    trySparse(
      Buffer.from(text),
      limits,
      (found) => found.take(Reflect.get(Object(found.value), "data"))?.shape,
    );

  test("of usual clients is read in place: compact, with spaces, nested", () => {
    const nested = Array.from({ length: 20 }, (_, row) => numbers.slice(20 * row, 20 * row + 20));
    assert.deepEqual(sparse(JSON.stringify({ data: numbers })), [400]);
    assert.deepEqual(sparse(`{"data": [${numbers.join(", ")}]}\n`), [400]);
    assert.deepEqual(sparse(JSON.stringify({ data: nested }, undefined, 2)), [20, 20]);
    const single = numbers.map(Math.fround);
    assert.deepEqual(sparse(JSON.stringify({ data: single })), [400]);
  });

  test("goes past the depth that may be with its list: not read", () => {
    const text = (levels: number): string =>
      `{"data":${"[".repeat(levels)}${numbers.join(",")}${"]".repeat(levels)}}`;
    const limits = { ...LIMITS, maxJsonDepth: 4 };
    assert.deepEqual(sparse(text(3), limits), [1, 1, 400]);
    assert.equal(sparse(text(4), limits), undefined);
  });

  test("with a list that nobody takes is not read (invariant 3)", () => {
    assert.equal(sparse(JSON.stringify({ spare: numbers, data: numbers })), undefined);
    assert.equal(sparse(`{"data":[["a"],[${numbers.join(",")}]]}`), undefined);
    assert.equal(sparse(`{"data":[${numbers.join(",")}],"data":[${numbers.join(",")}]}`), undefined);
  });

  test("keeps its numbers when the next one is read", () => {
    const context = contextOf(identity("FP64", [-1]));
    const decode = (values: readonly number[]): Tensor | undefined =>
      decodePlain(Buffer.from(JSON.stringify(values)), context)[0];
    const first = decode(numbers);
    decode(numbers.toReversed());
    assert.deepEqual(first && valuesOf(first), numbers);
  });

  test("of 64-bit integers keeps every digit, in place or not", () => {
    const context = contextOf(identity("INT64", [-1]));
    const small = numbers.map((_, index) => (index - 200) * 2 ** 44 + index);
    const decode = (values: readonly (number | bigint)[]): unknown => {
      const [one] = decodePlain(Buffer.from(`[${values.join(",")}]`), context);
      return one && valuesOf(one);
    };
    assert.deepEqual(decode(small), small.map(BigInt));
    assert.deepEqual(decode([...small, 9007199254740993n]), [...small.map(BigInt), 9007199254740993n]);
  });

  test("half of whose escapes look like a mark is what it is", () => {
    const context = contextOf({ ...identity("BYTES", [-1]) });
    const input = (data: string): string =>
      `{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":${data}}],"spare":[${numbers.join(",")}]}`;
    const [one] = decodeV2Request(Buffer.from(input('["\\u00000"]')), undefined, context).inputs;
    assert.deepEqual(one && valuesOf(one), ["\x000"]);
    assert.throws(
      () => decodeV2Request(Buffer.from(input(`[[${numbers.join(",")}]]`)), undefined, context),
      /INVALID|found/,
    );
  });
});
