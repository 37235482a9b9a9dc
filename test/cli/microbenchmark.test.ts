// `shoal microbenchmark`: that it runs its cases and says what it found. What it found is no matter of tests.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { CASES } from "../../cli/microbenchmark/cases.ts";

const SHOAL = join(import.meta.dirname, "../../bin/shoal.js");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const microbenchmark = (...args: string[]): Promise<Ran> => microbenchmarkIn({}, ...args);

function microbenchmarkIn(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env } };
    execFile(process.execPath, [SHOAL, "microbenchmark", ...args], options, (error, out, err) => {
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

  test("beside Ray each line has Ray's figure and the ratio; a case that Ray has not stands alone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fake-ray-"));
    try {
      const python = join(folder, "python");
      await writeFile(
        python,
        `#!/bin/sh
case "$TESTS_TO_RUN" in
  "1:1 actor calls sync") echo "some log"; echo "$TESTS_TO_RUN per second 10.0 +- 0.5" ;;
esac
`,
        { mode: 0o755 },
      );
      const only = "^(1:1 actor calls sync|single client get calls)";
      const beside = await microbenchmarkIn(
        { SHOAL_PYTHON: python },
        "--quick",
        "--json",
        "--compare",
        "ray",
        "--only",
        only,
      );
      assert.equal(beside.code, 0, beside.err);
      const figures: readonly { name: string; ray?: object }[] = JSON.parse(beside.out);
      assert.deepEqual(
        figures.map(({ name, ray }) => [name, ray]),
        [
          ["single client get calls (Plasma Store)", undefined],
          ["1:1 actor calls sync", { mean: 10, sd: 0.5 }],
        ],
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
