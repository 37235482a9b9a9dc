import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { seededRandom } from "../../../loadtests/models/random.ts";
import { readTrace, scaleTrace, type TraceColumn } from "../../../loadtests/open-loop/index.ts";
import { checkProperty } from "../../support/properties.ts";

async function read(text: string, column: TraceColumn = {}, name = "trace.csv"): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "shoal-trace-"));
  try {
    const path = join(folder, name);
    await writeFile(path, text);
    return [...(await readTrace(path, column))];
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("dates count from the first, to a tenth of a microsecond, in any order and zone", async () => {
  const text = [
    "TIMESTAMP,ContextTokens",
    "2023-11-16 23:59:59.9799600,4808",
    "2023-11-17 00:00:00.0319601,3180",
    "",
    "2023-11-17T01:00:01+01:00,1",
    "2023-11-17 00:00:00Z,2",
  ].join("\r\n");
  const wanted = [0, 20.04, 52.0001, 1020.04];
  const found = await read(text);
  assert.equal(found.length, 4);
  // Milliseconds since 1970 hold a quarter of a microsecond.
  found.forEach((timeMs, index) => assert.ok(Math.abs(timeMs - (wanted[index] ?? 0)) < 5e-4));
});

test("numbers, by unit and column, with and without names, quoted, and as JSON lines", async () => {
  assert.deepEqual(await read("1.5\n2\n4\n"), [0, 500, 2500]);
  assert.deepEqual(await read("a,1000\nb,3000\n", { column: "1", unit: "us" }), [0, 2]);
  assert.deepEqual(await read('id,"sent at"\n"x, y",7\nz,9\n', { column: "Sent At", unit: "ms" }), [0, 2]);
  assert.deepEqual(await read("\uFEFFuser,time\nu,3\nu,4\n"), [0, 1000]);
  const lines = '{"timestamp": 27482, "n": 1}\n{"timestamp": 30535, "n": 2}\n';
  assert.deepEqual(await read(lines, { unit: "ms" }, "t.jsonl"), [0, 3053]);
  assert.deepEqual(await read(lines, { column: "n" }, "t.jsonl"), [0, 1000]);
});

test("what cannot be read is refused with its line", async () => {
  await assert.rejects(
    read("time\n1\n\nsoon\n"),
    /line 4 of trace ".*trace\.csv": found "soon", wanted a number or a date/,
  );
  await assert.rejects(read("time,n\n1,2\n", { column: "when" }), /column "when" .*wanted one of time, n/);
  await assert.rejects(read("1,2\n", { column: "2" }), /wanted a number from 0 to 1/);
  await assert.rejects(read("time\n"), /it has no arrivals/);
  await assert.rejects(read('{"time": 1}\n{"tim": 2}\n', {}, "t.jsonl"), /line 2 .*found "\{\\"tim/);
  await assert.rejects(read("time\n1\n2\n3,x\n\n,4\n"), /line 6/);
});

test("a scaled trace stays within its span and ascends, and has so many times the arrivals", (context) => {
  const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 100 });
  const scale = fc.integer({ min: 1, max: 5 });
  const mode = fc.constantFrom("correlated" as const, "independent" as const);
  const compress = fc.double({ min: 0.1, max: 100, noNaN: true });
  checkProperty(
    context,
    fc.property(times, fc.record({ scale, mode, compress }), fc.nat(), (given, scaling, seed) => {
      const sorted = given
        .toSorted((left, right) => left - right)
        .map((timeMs) => timeMs - Math.min(...given));
      const scaled = scaleTrace(sorted, scaling, seededRandom(seed));
      const spanMs = (sorted.at(-1) ?? 0) / scaling.compress;
      assert.equal(scaled.length, sorted.length * scaling.scale);
      scaled.forEach((timeMs, index) => assert.ok(timeMs >= (scaled[index - 1] ?? 0) && timeMs <= spanMs));
    }),
  );
});

test("a window is cut out in the trace's own time, before compression", () => {
  const times = [0, 100, 200, 300, 400];
  const scaled = scaleTrace(times, { fromMs: 100, forMs: 200, compress: 10 }, seededRandom(1));
  assert.deepEqual([...scaled], [0, 10, 20]);
});

test("correlated copies keep the bursts' height, independent ones level them, a part of one thins", () => {
  // A burst of 50 in every tenth second of 100.
  const times = Float64Array.from(
    { length: 500 },
    (_, index) => Math.floor(index / 50) * 10_000 + (index % 50),
  );
  const peak = (found: Float64Array): number => {
    const counts = new Map<number, number>();
    for (const timeMs of found) {
      const second = Math.floor((timeMs + 2500) / 5000);
      counts.set(second, (counts.get(second) ?? 0) + 1);
    }
    return Math.max(...counts.values());
  };
  const correlated = scaleTrace(times, { scale: 8 }, seededRandom(1));
  const independent = scaleTrace(times, { scale: 8, mode: "independent" }, seededRandom(1));
  assert.equal(peak(correlated), 400);
  assert.ok(peak(independent) < 350, String(peak(independent)));
  const thinned = scaleTrace(times, { scale: 2.5 }, seededRandom(1));
  // 1000 and 250 of a coin thrown 500 times, five deviations either way.
  assert.ok(Math.abs(thinned.length - 1250) < 56, String(thinned.length));
  const fewer = scaleTrace(times, { scale: 0.2 }, seededRandom(1));
  assert.ok(Math.abs(fewer.length - 100) < 45, String(fewer.length));
});
