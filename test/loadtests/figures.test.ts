import assert from "node:assert/strict";
import { test } from "node:test";
import { flatVerdicts, loadFigures, loadVerdicts, rawFigures } from "../../loadtests/bench/figures.ts";
import { statusBytes } from "../../loadtests/bench/memory.ts";
import { summarise } from "../../loadtests/bench/memory-scenarios.ts";
import { parseOptions } from "../../loadtests/bench/options.ts";
import type { Measurement } from "../../loadtests/bench/rounds.ts";
import { planScenarios } from "../../loadtests/bench/scenarios.ts";

const scenarios = planScenarios({ quick: false, only: /^mlp binary/ }, 2);

function loadMeasurement(
  kind: "door" | "shoal",
  id: string,
  at: { round: number; rate: number; p50Ms: number },
) {
  const { round, rate, p50Ms } = at;
  const latency = { count: 1, meanMs: p50Ms, p50Ms, p90Ms: p50Ms, p99Ms: p50Ms, maxMs: p50Ms };
  const report = {
    completed: rate,
    elapsedMs: 1000,
    requestsPerSecond: rate,
    statuses: { 200: rate },
    failed: 0,
    latency,
    cpuMs: 1,
    cpuMicrosPerRequest: 1,
  };
  return { kind, id, round, report } satisfies Measurement;
}

function rawMeasurement(round: number, p50Ms: number): Measurement {
  const report = { runs: 1, rowsPerSecond: 1000 / p50Ms, p50Ms };
  return { kind: "raw", id: "mlp raw b=1 t=1", round, report };
}

/** A machine that gets slower from round to round: the ratio stays, the rates do not. */
const measurements: Measurement[] = [1, 2, 4].flatMap((slower, round) => [
  rawMeasurement(round, 0.02),
  loadMeasurement("door", "mlp binary c=64", { round, rate: 60_000 / slower, p50Ms: 1 }),
  loadMeasurement("shoal", "mlp binary c=64", { round, rate: 40_000 / slower, p50Ms: 2 }),
  loadMeasurement("door", "mlp binary c=1", { round, rate: 20_000 / slower, p50Ms: 0.05 }),
  loadMeasurement("shoal", "mlp binary c=1", { round, rate: 2000 / slower, p50Ms: 0.45 }),
]);

test("a pattern keeps its cases and the engine's time beside them", () => {
  const ids = scenarios.map(({ loads, raws }) => [...loads, ...raws].map(({ id }) => id));
  assert.deepEqual(ids, [["mlp binary c=1", "mlp binary c=64", "mlp raw b=1 t=1"]]);
});

test("all cases: four models, two encodings, 1 and 64 connections; --quick leaves out the longest", () => {
  const count = (quick: boolean): number =>
    planScenarios({ quick, only: undefined }, 2).reduce((sum, { loads }) => sum + loads.length, 0);
  assert.equal(count(false), 16);
  assert.equal(count(true), 15);
});

test("1: a ratio is the median of the rounds' ratios", () => {
  const figures = loadFigures(scenarios, measurements);
  const many = figures.find(({ entry }) => entry.connections === 64);
  assert.equal(many?.doorPerSecond, 30_000);
  assert.equal(many.shoalPerSecond, 20_000);
  assert.ok(Math.abs(many.doorRatio - 2 / 3) < 1e-12);
  assert.equal(rawFigures(scenarios, measurements)[0]?.p50Ms, 0.02);
});

test("targets met and missed", () => {
  const verdicts = loadVerdicts(loadFigures(scenarios, measurements));
  assert.deepEqual(
    verdicts.map(({ title, met }) => [title, met]),
    [
      ["784→256→10, binary, 1 connection: median above engine time", false],
      ["784→256→10, binary, 64 connections: share of the door", true],
    ],
  );
  assert.ok(Math.abs((verdicts[0]?.found ?? 0) - 0.43) < 1e-12);
});

test("2: without measurements nothing is met", () => {
  const verdicts = loadVerdicts(loadFigures(scenarios, []));
  assert.equal(verdicts.length, 2);
  assert.ok(verdicts.every(({ met }) => !met));
});

test("memory that grows is told from memory that warms up", () => {
  const samples = (growth: number) =>
    Array.from({ length: 20 }, (_, index) => ({
      requests: (index + 1) * 10_000,
      rssBytes: 100e6 + (index < 4 ? index * 20e6 : 80e6 + index * growth),
    }));
  const [flat] = flatVerdicts(summarise(samples(0), 200_000));
  const [growing] = flatVerdicts(summarise(samples(2e6), 200_000));
  assert.equal(flat?.met, true);
  assert.equal(growing?.met, false);
  assert.deepEqual(flatVerdicts(summarise(samples(2e6).slice(0, 5), 20_000)), []);
});

test("a field of /proc/<pid>/status in bytes", () => {
  const status = "VmPeak:\t  900 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
  assert.equal(statusBytes(status, "VmHWM"), 2 * 2 ** 20);
  assert.equal(statusBytes(status, "RssAnon"), 0);
});

test("the command line: defaults, help, and what is refused", () => {
  assert.deepEqual(parseOptions([]), { quick: false, json: false, rounds: 5, only: undefined });
  assert.deepEqual(parseOptions(["--quick", "--json", "--only", "mlp"]), {
    quick: true,
    json: true,
    rounds: 2,
    only: /mlp/i,
  });
  assert.equal(parseOptions(["--help"]), undefined);
  for (const args of [["--rounds", "0"], ["--rounds", "x"], ["--only", "("], ["--other"], ["more"]]) {
    assert.throws(() => parseOptions(args), Error, args.join(" "));
  }
});
