import assert from "node:assert/strict";
import { test } from "node:test";
import { median, slope, spreadRatio } from "../../loadtests/bench/statistics.ts";
import { renderTable, showMegabytes, showMs, showRate, showRatio } from "../../loadtests/bench/table.ts";

test("the median of odd and even numbers of values, and of none", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test("the spread is the range as a share of the median", () => {
  assert.equal(spreadRatio([90, 100, 120]), 0.3);
});

test("the slope of a line, and of a line with one odd point", () => {
  const line = [0, 1, 2, 3, 4, 5].map((x) => ({ x, y: 10 + 2 * x }));
  assert.equal(slope(line), 2);
  assert.equal(slope([...line, { x: 6, y: 1000 }]), 2);
  assert.ok(Number.isNaN(slope(line.slice(0, 1))));
});

test("a table's columns are as wide as their widest cell", () => {
  const text = renderTable(
    ["name", "n"],
    [
      ["a", "1"],
      ["long name", "12,345"],
    ],
  );
  assert.equal(
    text,
    ["name            n", "─────────  ──────", "a               1", "long name  12,345"].join("\n"),
  );
});

test("numbers are shown for people, and what was not measured as a dash", () => {
  assert.deepEqual([42_391.4, 58.34, Number.NaN].map(showRate), ["42,391", "58.3", "–"]);
  assert.deepEqual([0.1234, 12.34, Number.NaN].map(showMs), ["0.123", "12.3", "–"]);
  assert.deepEqual([0.604, Number.NaN].map(showRatio), ["60 %", "–"]);
  assert.equal(showMegabytes(3 * 2 ** 20), "3.0");
});
