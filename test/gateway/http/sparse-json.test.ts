// Lists of numbers read from the bytes of a body: the same tensors, and the same refusals, as from what JSON.parse gives.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { decodePlain, decodePlainJson } from "../../../gateway/http/plain.ts";
import { trySparse } from "../../../gateway/http/sparse-json.ts";
import { decodeV2Json, decodeV2Request, type V2Context } from "../../../gateway/http/v2-request.ts";
import { messageOf, type Tensor } from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { ALL_DATATYPES, valuesOf } from "../../support/tensors.ts";
import { faultText, gaps, listText, numberText, shapes } from "./number-texts.ts";
import { identity, LIMITS } from "./support.ts";

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
