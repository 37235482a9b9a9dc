// `shoal simulate` as a person runs it: tables, JSON, plots, and what is refused.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { shoal } from "../support/command.ts";
import { TestFolder } from "./support.ts";

const QUICK = ["simulate", "-p", "10,1,16", "--slo", "60", "--rate", "300", "--duration", "5", "-r", "2"];

suite("shoal simulate", { timeout: 240_000 }, () => {
  test("a row for each system, after a line that says what was run", async () => {
    const { code, stdout, stderr } = await shoal([...QUICK, "-s", "shoal,ray,triton"]);
    assert.deepEqual([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    assert.match(
      lines[0] ?? "",
      /^steady, 10,1,16 \(10 \+ 1·b ms\), objective 60 ms: .* requests\/s for 5 s; 3 runs/,
    );
    assert.match(lines[1] ?? "", /^At least 2 replica-seconds of work; 5 with/);
    assert.match(lines[3] ?? "", /^system +attainment/);
    assert.deepEqual(
      lines.slice(5).map((line) => line.split(/\s/)[0]),
      ["shoal", "ray", "triton"],
    );
  });

  test("the same seed gives the same figures, as JSON", async () => {
    const figures = async (seed: string): Promise<unknown> => {
      const { stdout } = await shoal([...QUICK, "-s", "shoal", "--noise", "0.2", "--seed", seed, "--json"]);
      const { systems } = JSON.parse(stdout);
      const { counts, p99Ms } = systems[0].runs[0];
      return { counts, p99Ms };
    };
    const first = await figures("1");
    assert.deepEqual(await figures("1"), first);
    assert.notDeepEqual(await figures("2"), first);
  });

  test("a trace, a policy, its reasons, and plots", async () => {
    await using folder = await TestFolder.make();
    const moments = Array.from({ length: 2_000 }, (_, n) => (n < 500 ? n / 50 : 10 + (n - 500) / 150));
    const trace = await folder.write(
      "day.csv",
      `timestamp,tokens\n${moments.map((s) => `${s},1`).join("\n")}\n`,
    );
    const plots = join(folder.path, "plots");
    const flags = "-p large --slo 1000 --start-up 2 --explain --timeout 5 --retries 1".split(" ");
    const systems = ["-s", "shoal+slo,ray-tuned+ray:4,shoal+oracle"];
    const { code, stdout, stderr } = await shoal([
      "simulate",
      "-w",
      trace,
      ...flags,
      ...systems,
      "--plot",
      plots,
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^day, large/);
    assert.match(stdout, /\nshoal\+slo\n {2}\d+\.\d s {2}1 → \d+: .*req\/s measured/);
    for (const name of ["timeline", "cost"]) {
      assert.match(await readFile(join(plots, `${name}.svg`), "utf8"), /^<svg [^]*shoal\+slo[^]*<\/svg>\n$/);
    }
  });

  test("an objective that nothing can meet is said to be one, and plotted all the same", async () => {
    await using folder = await TestFolder.make();
    const { code, stdout, stderr } = await shoal([
      ...QUICK,
      "--slo",
      "8",
      "-s",
      "shoal,triton",
      "--plot",
      folder.path,
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /One row takes longer than the objective/);
    assert.match(stdout, /\ntriton +0\.00 %/);
  });

  for (const [what, args, wanted] of [
    ["a profile", ["-p", "tiny"], /--profile is "tiny", gpu, resnet, cpu, large or three numbers/],
    ["a system", ["-s", "clippy"], /no system "clippy", wanted one of shoal, ray/],
    ["a workload", ["-w", "nights"], /workload "nights": wanted a path or one of steady/],
    ["a trace that is not there", ["-w", "./none.csv"], /Cannot read the trace ".\/none.csv"/],
    ["bounds", ["--min", "5", "--max", "2"], /--min is 5, at most the --max of 2/],
    ["a trace without a line", ["-w", "/dev/null"], /"\/dev\/null": it has no arrivals/],
    ["no time", ["--duration", "0"], /found "0", wanted a number above 0/],
    ["no run", ["--seeds", "0"], /found "0", wanted a whole number from 1/],
    [
      "an option that an evaluation overlooks",
      ["--evaluate", "batching", "--rate", "5"],
      /--rate beside --evaluate batching/,
    ],
    ["one that is an evaluation's", ["--trace", "day.csv"], /--trace without --evaluate/],
    [
      "a folder for plots",
      ["--plot", "/dev/null/plots"],
      /Cannot plot into the folder "\/dev\/null\/plots": ENOTDIR/,
    ],
    [
      "a warm-up as long as the run",
      ["--duration", "5", "--warm-up", "5"],
      /--warm-up is 5 s, less than the 5 s/,
    ],
    ["a first number", ["--initial", "9", "--max", "3"], /--initial is 9, from --min 1 to --max 3/],
    ["a target", ["-s", "shoal+slo:8"], /"shoal\+slo:8": slo has no target/],
    ["a century", ["--duration", "3e9"], /Cannot simulate 3000000000 seconds: wanted at most 31622400/],
    ["a rate", ["--rate", "many"], /found "many", wanted a number above 0/],
  ] as const) {
    test(`${what} that makes no sense: a line, and status 2`, async () => {
      const { code, stderr } = await shoal(["simulate", ...args]);
      assert.equal(code, 2);
      assert.match(stderr, wanted);
    });
  }
});
