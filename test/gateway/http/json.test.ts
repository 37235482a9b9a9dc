import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { parseJson, parseJsonExactly } from "../../../gateway/http/json.ts";
import { checkProperty } from "../../support/properties.ts";

const parse = (text: string, maxDepth = 4): unknown => parseJson(Buffer.from(text), maxDepth);
const refused = (message: RegExp): object => ({ code: "INVALID_ARGUMENT", message });

describe("depth (invariant 1)", () => {
  for (const text of ["[[[[1]]]]", '{"a":{"a":{"a":[1]}}}', `[${"[[[1]]],".repeat(100)}1]`]) {
    test(`${text.slice(0, 30)} is within four levels`, () => {
      assert.deepEqual(parse(text), JSON.parse(text));
    });
  }

  for (const [text, at] of [
    ["[[[[[1]]]]]", 4],
    ['{"a":[{"b":[{"c":1}]}]}', 12],
    [`[[[[1]]],${"[[[[".repeat(2)}`, 12],
    ["[".repeat(1_000_000), 4],
    ['{"a":'.repeat(100_000), 20],
  ] as const) {
    test(`${text.slice(0, 30)} goes past it at byte ${at}`, () => {
      assert.throws(
        () => parse(text),
        refused(new RegExp(`more than 4 levels at byte ${at}, wanted at most 4`)),
      );
    });
  }

  test("brackets within strings are no levels, whatever is escaped around them", () => {
    const texts = ["[[[[[[", '"[[[[[', "\\[[[[[[", '\\"[[[[[[', "\\\\", '\\\\"]]]][[[[[', "é[[[[[[😀"];
    for (const text of texts) {
      const value = [{ [text]: [text, "]"] }];
      assert.deepEqual(parse(JSON.stringify(value)), value);
    }
  });

  test("is counted as JSON counts it", (t) => {
    const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "medium", withCrossShrink: true },
        tie("leaf"),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.stringMatching(/^[[\]{}"\\a]{0,4}$/), tie("tree"), { maxKeys: 3 }),
      ),
      leaf: fc.oneof(fc.integer(), fc.constant(null), fc.stringMatching(/^[[\]{}"\\a]{0,6}$/)),
    }));
    const depthOf = (value: unknown): number =>
      typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    checkProperty(
      t,
      fc.property(tree, fc.boolean(), (value, pretty) => {
        const text = JSON.stringify(value, null, pretty ? 2 : 0);
        const depth = depthOf(value);
        assert.deepEqual(parse(text, depth), JSON.parse(text));
        if (depth > 0) assert.throws(() => parse(text, depth - 1), refused(/levels/));
      }),
      1_000,
    );
  });
});

describe("what is no JSON is refused", () => {
  for (const text of [
    "",
    "{",
    "[1,]",
    "NaN",
    "[Infinity]",
    "{'a':1}",
    "01",
    "[1] [2]",
    "\ufeff{}",
    "undefined",
  ]) {
    test(JSON.stringify(text), () => {
      assert.throws(() => parse(text), refused(/^Cannot read the JSON: /));
    });
  }

  test("bytes that are not UTF-8", () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      assert.throws(() => parseJson(Buffer.from(bytes), 4), refused(/not valid UTF-8/));
    }
  });

  test("a string without an end, and one of backslashes only", () => {
    for (const text of ['["[[[[[[', `["${"\\".repeat(100_000)}`, '["\\"[[[[[[[']) {
      assert.throws(() => parse(text), refused(/Cannot read the JSON/));
    }
  });
});

describe("exact digits (invariant 2)", () => {
  const exactly = (text: string): unknown => parseJsonExactly(Buffer.from(text));

  test("whole numbers past 2^53 come as bigint, all others as numbers", () => {
    assert.deepEqual(exactly("[9007199254740991,9007199254740992,9007199254740993,-9223372036854775808]"), [
      9007199254740991,
      9007199254740992n,
      9007199254740993n,
      -9223372036854775808n,
    ]);
    assert.deepEqual(exactly("[18446744073709551615,1e18,1.5,0,-0]"), [
      18446744073709551615n,
      1e18,
      1.5,
      0,
      -0,
    ]);
  });

  test("digits within a string, and keys, stay what they are", () => {
    assert.deepEqual(exactly('{"9007199254740993":"9007199254740993"}'), {
      "9007199254740993": "9007199254740993",
    });
  });

  test("an integer longer than any of 64 bits costs no more than a number", () => {
    const [value] = exactly(`[${"9".repeat(1_000_000)}]`) as unknown[];
    assert.equal(value, Infinity);
  });

  test("any 64-bit integer survives", (t) => {
    checkProperty(
      t,
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        const wanted = Number.isSafeInteger(Number(value)) ? Number(value) : value;
        assert.deepEqual(exactly(`[${value}]`), [wanted]);
      }),
      1_000,
    );
  });
});
