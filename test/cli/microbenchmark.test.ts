// `shoal microbenchmark`: that it runs its cases and says what it found. What it found is no matter of tests.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { CASES } from "../../cli/microbenchmark/cases.ts";

const SHOAL = join(import.meta.dirname, "../../bin/shoal.js");

function microbenchmark(
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SHOAL, "microbenchmark", ...args], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

suite("shoal microbenchmark", () => {
  test("chosen cases are run and told as lines, or as JSON", async () => {
    const only = "single client (get calls|tasks sync)|placement group";
    const lines = await microbenchmark("--quick", "--only", only);
    assert.equal(lines.code, 0, lines.err);
    const names = lines.out
      .trimEnd()
      .split("\n")
      .map((line) => /^(.*?)\s{2,}[\d,.]+ ± +[\d,.]+ \/s$/.exec(line)?.[1]);
    assert.deepEqual(names, [
      "single client get calls (Plasma Store)",
      "single client tasks sync",
      "placement group create/removal",
    ]);
    const json = await microbenchmark("--quick", "--json", "--only", "1:1 actor calls sync");
    const [figure, ...more] = JSON.parse(json.out);
    assert.deepEqual([figure.name, more.length], ["1:1 actor calls sync", 0]);
    assert.ok(figure.mean > 0 && figure.sd >= 0);
  });

  test("the names are Ray's, each once", () => {
    const names = CASES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.equal(names.length, 23);
  });

  test("a pattern that matches nothing says what there is", async () => {
    const nothing = await microbenchmark("--only", "no such case");
    assert.equal(nothing.code, 2);
    assert.match(nothing.err, /No case matches .*single client tasks sync/);
  });
});
