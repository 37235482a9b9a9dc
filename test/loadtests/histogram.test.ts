import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Histogram } from "../../loadtests/http/histogram.ts";

test("a quantile is within 1 % of the exact one, for latencies from 10 µs to 200 s", () => {
  const latency = fc.double({ min: 0.01, max: 200_000, noNaN: true });
  const quantile = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 200 }), quantile, (latencies, share) => {
      const histogram = new Histogram();
      for (const latencyMs of latencies) histogram.record(latencyMs);
      const sorted = latencies.toSorted((left, right) => left - right);
      const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? Number.NaN;
      const found = histogram.quantileMs(share);
      assert.ok(Math.abs(found - exact) <= exact * 0.01, `found ${found}, exact ${exact}`);
    }),
  );
});

test("1: every value is counted, also those outside the range", () => {
  const histogram = new Histogram();
  for (const latencyMs of [-1, 0, 1e-9, 214_748, 1e9]) histogram.record(latencyMs);
  const { count, maxMs } = histogram.summary();
  assert.equal(count, 5);
  assert.equal(maxMs, 1e9);
  assert.equal(histogram.quantileMs(0.2), 0);
});

test("an empty histogram is all zeros", () => {
  assert.deepEqual(new Histogram().summary(), {
    count: 0,
    meanMs: 0,
    p50Ms: 0,
    p90Ms: 0,
    p99Ms: 0,
    maxMs: 0,
  });
});

test("the summary has mean and largest exactly", () => {
  const histogram = new Histogram();
  for (const latencyMs of [1, 2, 6]) histogram.record(latencyMs);
  const { meanMs, maxMs } = histogram.summary();
  assert.equal(meanMs, 3);
  assert.equal(maxMs, 6);
});
