// Arrivals: their rates, their burstiness against the traces they stand for, files.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { Random } from "../../../controller/simulator/kernel/random.ts";
import {
  gammaDraws,
  merged,
  replayed,
  steady,
  weibullDraws,
} from "../../../controller/simulator/workload/arrivals.ts";
import { GENERATORS, type GeneratorName } from "../../../controller/simulator/workload/generators.ts";
import {
  type ArrivalStatistics,
  describeArrivals,
} from "../../../controller/simulator/workload/statistics.ts";
import { parseTrace, readTrace, superposed } from "../../../controller/simulator/workload/trace-file.ts";
import { openWorkload } from "../../../controller/simulator/workload/workload.ts";
import { TestFolder } from "../../cli/support.ts";

/** The median over seeds of what hours of a generator are like. */
function typical(
  name: GeneratorName,
  { perSecond, seconds = 3_600 }: { perSecond: number; seconds?: number },
): (of: (statistics: ArrivalStatistics) => number) => number {
  const all = Array.from({ length: 15 }, (_, seed) =>
    describeArrivals(GENERATORS[name]({ perSecond, seconds, random: new Random(seed + 1) }), seconds),
  );
  return (of) => all.map(of).toSorted((a, b) => a - b)[7] ?? Number.NaN;
}

function within(actual: number, [low, high]: readonly [number, number]): void {
  assert(actual >= low && actual <= high, `${actual} is not from ${low} to ${high}`);
}

suite("generators", () => {
  test("conversation: as bursty on every time scale as the trace it stands for", () => {
    const of = typical("conversation", { perSecond: 5.5 });
    within(
      of(({ perSecond }) => perSecond),
      [4.8, 6.2],
    );
    // The trace: 1.4, 3.9, 16, 62.
    for (const [window, range] of [
      [1, [1.15, 1.6]],
      [10, [2.9, 4.9]],
      [60, [11, 25]],
      [300, [35, 105]],
    ] as const) {
      within(
        of(({ dispersion }) => dispersion[window]),
        range,
      );
    }
  });

  test("code: mostly empty seconds and large bursts", () => {
    const of = typical("code", { perSecond: 2.6 });
    // The trace: 73 % empty; 13, 72, 164; peak over mean 26, 12.8, 4.2.
    within(
      of(({ emptyShare }) => emptyShare),
      [0.62, 0.82],
    );
    within(
      of(({ dispersion }) => dispersion[1]),
      [8, 19],
    );
    within(
      of(({ dispersion }) => dispersion[10]),
      [45, 110],
    );
    within(
      of(({ peakOverMean }) => peakOverMean[1]),
      [14, 32],
    );
  });

  test("twitter: gentle within the minute, with steps to 3.8 times", () => {
    const of = typical("twitter", { perSecond: 60, seconds: 7_200 });
    within(
      of(({ peakOverMean }) => peakOverMean[60]),
      [2, 4],
    );
    within(
      of(({ correlation10s }) => correlation10s),
      [0.9, 1],
    );
  });

  test("clients: far burstier than a single process of their rate", () => {
    const of = typical("clients", { perSecond: 50 });
    within(
      of(({ dispersion }) => dispersion[1]),
      [2, 60],
    );
    assert(of(({ dispersion }) => dispersion[60]) > 20);
  });

  for (const name of Object.keys(GENERATORS) as GeneratorName[]) {
    test(`${name}: moments never go back, and the same seed gives the same`, () => {
      const make = (): ReturnType<typeof steady> =>
        GENERATORS[name]({ perSecond: 40, seconds: 1_200, random: new Random(5) });
      const [one, other] = [make(), make()];
      let before = 0;
      for (let n = 0; n < 5_000; n++) {
        const atMs = one.next();
        assert.equal(other.next(), atMs);
        assert(atMs >= before, `${atMs} after ${before}`);
        before = atMs;
      }
    });
  }

  test("a step is a step, a ramp doubles every half minute, spikes come every five minutes", () => {
    const counts = (name: GeneratorName): ((from: number, to: number) => number) => {
      const stream = GENERATORS[name]({ perSecond: 100, seconds: 900, random: new Random(2) });
      const seconds = new Float64Array(900);
      for (let atMs = stream.next(); atMs < 900_000; atMs = stream.next()) {
        const second = Math.floor(atMs / 1_000);
        seconds[second] = (seconds[second] ?? 0) + 1;
      }
      return (from, to) => seconds.subarray(from, to).reduce((sum, count) => sum + count, 0) / (to - from);
    };
    const step = counts("step");
    within(step(0, 300), [95, 105]);
    within(step(300, 600), [780, 820]);
    within(step(600, 900), [143, 157]);
    const ramp = counts("ramp");
    within(ramp(119, 121) / ramp(89, 91), [1.7, 2.3]);
    within(ramp(300, 900), [3_150, 3_250]);
    const spikes = counts("spikes");
    within(spikes(450, 465), [700, 800]);
    within(spikes(465, 750), [95, 105]);
  });
});

test("renewal arrivals have the coefficient of variation asked for, at the rate asked for", () => {
  for (const [draw, cv] of [
    [gammaDraws(new Random(3), 4), 4],
    [gammaDraws(new Random(3), 0.5), 0.5],
    [weibullDraws(new Random(3), 0.5), Math.sqrt(5)], // of a Weibull of shape ½
  ] as const) {
    const stream = steady(draw, 1_000);
    const gaps: number[] = [];
    for (let n = 0, before = 0; n < 200_000; n++) {
      const atMs = stream.next();
      gaps.push(atMs - before);
      before = atMs;
    }
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    within(mean, [0.95, 1.05]);
    within(deviation / mean / cv, [0.93, 1.07]);
  }
});

test("merged streams are one in order of time", () => {
  const all = merged([replayed([1, 5, 9]), replayed([]), replayed([2, 2, 11]), replayed([0])]);
  const moments = Array.from({ length: 8 }, () => all.next());
  assert.deepEqual(moments, [0, 1, 2, 2, 5, 9, 11, Number.POSITIVE_INFINITY]);
});

suite("trace files", () => {
  test("dates with seven digits of a second, other columns, any order", () => {
    const text =
      "TIMESTAMP,ContextTokens\r\n2023-11-16 18:17:04.0319600,3180\n2023-11-16 18:17:03.9799600,4808\n\n2023-11-16 18:18:03.98,1\n";
    const moments = parseTrace(text, "trace.csv");
    assert.deepEqual(
      Array.from(moments, (ms) => Math.round(ms * 1_000) / 1_000),
      [0, 52, 60_000.04],
    );
  });

  test("seconds without a title, or in a column with one", () => {
    assert.deepEqual([...parseTrace("10.5\n11\n12.25\n", "x")], [0, 500, 1_750]);
    assert.deepEqual([...parseTrace("id,timestamp\na,3\nb,4.5\n", "x")], [0, 1_500]);
    assert.deepEqual([...parseTrace('\uFEFF"id","Timestamp"\r\n"a","3"\r\n"b","4.5"', "x")], [0, 1_500]);
  });

  test("dates of another zone", () => {
    const text = "2023-11-16T18:17:03+02:00\n2023-11-16T16:17:04.5Z\n2023-11-16 16:17:05\n";
    assert.deepEqual([...parseTrace(text, "x")], [0, 1_500, 2_000]);
  });

  test("a file that comes in pieces is read as one (3)", async () => {
    const folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
    try {
      const lines = Array.from({ length: 20_000 }, (_, n) => `${n / 8},"row ${n}"\n`);
      await writeFile(join(folder, "a.csv"), lines.join(""));
      const moments = await readTrace(join(folder, "a.csv"));
      assert.deepEqual([moments.length, moments.at(-1)], [20_000, 19_999 * 125]);
      await writeFile(join(folder, "b.csv"), "1".repeat(100_000));
      await assert.rejects(readTrace(join(folder, "b.csv")), /line 1 has more than 65536 characters/);
      await assert.rejects(readTrace(folder), /EISDIR.*wanted a CSV file/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  for (const [what, text, wanted] of [
    ["no time", "timestamp\n1\nsoon\n", /"soon" in line 3/],
    ["no time after an empty line", "1\n\nsoon\n", /"soon" in line 3/],
    [
      "a day that there is not, in the first line",
      "2023-13-45 18:17:03\n",
      /"2023-13-45 18:17:03" in line 1/,
    ],
    ["no end of time", "1\nInfinity\n", /"Infinity" in line 2/],
    [
      "milliseconds",
      "1700000000000\n1700086400000\n",
      /span 1000 days, wanted at most 366; numbers are taken/,
    ],
    ["nothing", "timestamp\n", /no arrivals/],
  ] as const) {
    test(`${what}: refused, and said where`, () => {
      assert.throws(() => parseTrace(text, "a.csv"), { code: "INVALID_CONFIG", message: wanted });
    });
  }

  test("superposed: so many times the arrivals, bursts within a second of each other", () => {
    const trace = Float64Array.from([0, 100_000, 100_001, 200_000]);
    const many = superposed(trace, 50.5, new Random(1));
    within(many.length, [195, 209]);
    const near = many.filter((ms) => ms >= 100_000 && ms <= 101_001);
    within(near.length, [97, 105]);
    assert(many.every((ms, index) => index === 0 || ms >= (many[index - 1] ?? 0)));
  });

  test("a workload of a file takes its length, or is brought to a rate", async () => {
    await using folder = await TestFolder.make();
    const path = await folder.write("busy.csv", Array.from({ length: 101 }, (_, n) => n / 10).join("\n"));
    const own = await openWorkload(path);
    assert.deepEqual([own.name, own.seconds], ["busy", 10]);
    assert.equal(describeArrivals(own.arrivals(new Random(1)), 10.1).arrivals, 101);
    const fuller = await openWorkload(path, { perSecond: 300 });
    within(describeArrivals(fuller.arrivals(new Random(1)), 11).arrivals, [2_900, 3_100]);
    await assert.rejects(openWorkload(join(folder.path, "none.csv")), { code: "INVALID_CONFIG" });
    await assert.rejects(openWorkload("nothing"), /a path or one of steady/);
  });
});
