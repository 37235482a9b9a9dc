// Lists of numbers read from bytes: bit by bit what JSON.parse gives, or nothing.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { scaled } from "../../../gateway/http/decimal.ts";
import { NumberReader } from "../../../gateway/http/number-list.ts";
import { checkProperty } from "../../support/properties.ts";
import { faultText, gaps, listText, numberText, shapes } from "./number-texts.ts";

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
