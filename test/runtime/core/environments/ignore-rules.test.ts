// The rules of `.gitignore`, by cases whose answers are git's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { IgnoreRules } from "../../../../runtime/core/environments/ignore-rules.ts";

const CASES: readonly (readonly [lines: string, path: string, ignored: boolean])[] = [
  ["a.log", "x/a.log", true],
  ["*.log", "x/y.log", true],
  ["*.log", "log", false],
  ["/a", "x/a", false],
  ["/a", "a", true],
  ["x/a", "y/x/a", false],
  ["a/", "a", false],
  ["a/", "a/", true],
  ["**/a/b", "x/y/a/b", true],
  ["a/**", "a", false],
  ["a/**", "a/x/y", true],
  ["a/**/b", "a/b", true],
  ["a/**/b", "a/x/y/b", true],
  ["a/*", "a/x/y", false],
  ["a*b", "a/b", false],
  ["?", "ab", false],
  ["[a-c]x", "bx", true],
  ["[!a]x", "bx", true],
  ["[!a]x", "ax", false],
  ["[z-a]", "b", false],
  ["# a", "# a", false],
  ["\\#a", "#a", true],
  ["a  ", "a", true],
  ["*.log|!keep.log", "keep.log", false],
  ["!keep.log|*.log", "keep.log", true],
  ["a.b", "axb", false],
];

for (const [lines, path, ignored] of CASES) {
  test(`1: ${lines} ${ignored ? "leaves out" : "keeps"} ${path}`, () => {
    const rules = IgnoreRules.of(lines.split("|"));
    assert.equal(rules.ignores(path.replace(/\/$/, ""), path.endsWith("/")), ignored);
  });
}

test("1: rules of a folder hold in it, and come after those above", () => {
  const rules = IgnoreRules.of(["*.log"]).with(IgnoreRules.of(["!a.log", "/b"], "in/"));
  const ignored = ["a.log", "in/a.log", "in/c.log", "in/b", "b", "in/x/b"].filter((path) =>
    rules.ignores(path, false),
  );
  assert.deepEqual(ignored, ["a.log", "in/c.log", "in/b"]);
});
