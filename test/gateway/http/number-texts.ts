// Numbers and lists of them as texts, as clients write them and as none does.

import * as fc from "fast-check";

/** Numbers as clients write them, and as none does. */
export const numberText = fc.oneof(
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
export const faultText = fc.constantFrom(
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
export function listText(texts: readonly string[], shape: readonly number[], gap: string): string {
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

export const gaps = fc.constantFrom("", " ", "\n\t", "\r\n  ");
export const shapes = fc.constantFrom([80], [1, 80], [8, 10], [2, 4, 10], [80, 1], [1, 1, 80]);
