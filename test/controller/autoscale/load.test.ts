// What is measured: rates over windows, levels averaged by time, burstiness, start-up times.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LoadTracker, StartUpTimes } from "../../../controller/autoscale/index.ts";
import { dispersionOf } from "../../../controller/autoscale/load/dispersion.ts";
import { StepSeries } from "../../../controller/autoscale/load/step-series.ts";
import { checkProperty } from "../../support/properties.ts";
import { seeded } from "./fluid-plant.ts";

/** A tracker that saw `perSecond` requests of `rows` rows, evenly, from `fromMs` to `toMs`. */
function steady(tracker: LoadTracker, perSecond: number, span: readonly [number, number], rows = 1): void {
  for (let ms = span[0]; ms < span[1]; ms += 1_000 / perSecond) tracker.arrived(rows, ms);
}

function near(actual: number, expected: number, share = 0.02): void {
  assert(Math.abs(actual - expected) <= share * expected, `${actual} is not ${expected} ± ${share * 100} %`);
}

test("rates are over the window that was asked for, in rows and in requests", () => {
  const tracker = new LoadTracker();
  steady(tracker, 100, [0, 60_000], 3);
  steady(tracker, 800, [60_000, 62_000], 3);
  const load = tracker.readAt(62_000);
  for (const windowMs of [500, 1_000]) near(load.rowsPerSecond(windowMs), 2_400);
  near(load.requestsPerSecond(2_000), 800);
  near(load.rowsPerSecond(10_000), (2 * 2_400 + 8 * 300) / 10, 0.03);
  near(load.rowsPerSecond(60_000), (2 * 2_400 + 58 * 300) / 60);
  near(load.rowsPerSecond(120_000), (2 * 2_400 + 60 * 300) / 62, 0.03);
});

test("with a short life the rate is over the life, but a first request is not ten a second", () => {
  const tracker = new LoadTracker();
  tracker.arrived(1, 5_000);
  assert.equal(tracker.readAt(5_010).rowsPerSecond(60_000), 1);
  steady(tracker, 100, [5_010, 9_000]);
  near(tracker.readAt(9_000).rowsPerSecond(60_000), 100);
});

test("what is older than every window is forgotten, also after a long silence", () => {
  const tracker = new LoadTracker();
  steady(tracker, 100, [0, 5_000]);
  tracker.ongoing(7, 5_000);
  tracker.ended(10, 5, 5_000);
  const load = tracker.readAt(5_000_000);
  assert.equal(load.rowsPerSecond(900_000), 0);
  assert.equal(load.meanOngoing(30_000), 7); // still under way
  assert.equal(load.meanOngoing(600_000), 7);
  assert.equal(load.missedShare(10_000), 0);
  assert.equal(load.missed, 5);
  assert(load.idleMs > 4_990_000);
});

test("requests under way are averaged by time, and the extremes are seen between readings", () => {
  const tracker = new LoadTracker();
  tracker.ongoing(2, 0);
  tracker.ongoing(10, 20_000);
  tracker.ongoing(40, 25_000);
  tracker.ongoing(0, 25_010);
  const load = tracker.readAt(30_000);
  near(load.meanOngoing(30_000), (2 * 20 + 10 * 5 + 40 * 0.01) / 30);
  near(load.meanOngoing(10_000), (10 * 5 + 40 * 0.01) / 10);
  assert.deepEqual([load.maxOngoing(30_000), load.minOngoing(4_000)], [40, 0]);
  assert.equal(load.maxOngoing(2_000), 0);
});

test("missed requests as a share of those that ended lately", () => {
  const tracker = new LoadTracker();
  tracker.ended(100, 50, 1_000);
  tracker.ended(80, 0, 20_000);
  tracker.ended(20, 10, 21_000);
  assert.equal(tracker.readAt(22_000).missedShare(10_000), 0.1);
});

test("seconds come whole, newest first", () => {
  const tracker = new LoadTracker();
  for (const [second, rows] of [5, 0, 7].entries()) if (rows > 0) tracker.arrived(rows, second * 1_000 + 500);
  tracker.arrived(99, 3_100); // of the second that is not over
  const seen: number[][] = [];
  tracker.readAt(3_200).eachSecond((rows, age) => seen.push([rows, age]));
  assert.deepEqual(seen, [
    [7, 1],
    [0, 2],
    [5, 3],
  ]);
});

test("burstiness: 1 for Poisson and for a step, much more for bursts", () => {
  const random = seeded(3);
  const poisson = Array.from({ length: 60 }, () => {
    let count = 0;
    for (let left = Math.exp(-20), product = random(); product > left; product *= random()) count++;
    return count;
  });
  assert(dispersionOf(poisson) < 2, `${dispersionOf(poisson)}`);
  const step = poisson.map((count, n) => (n < 30 ? count : 8 * count));
  assert(dispersionOf(step) < 10, `${dispersionOf(step)}`);
  const bursts = poisson.map((count, n) => (n % 5 === 0 ? 8 * count : 0));
  assert(dispersionOf(bursts) > 40, `${dispersionOf(bursts)}`);
  assert.equal(dispersionOf([]), 1);
  assert.equal(dispersionOf(Array.from({ length: 60 }, () => 0)), 1);
});

test("a level's mean lies between its extremes, which hold what was set (random)", (t) => {
  const changes = fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.nat(50)), {
    minLength: 1,
    maxLength: 60,
  });
  checkProperty(
    t,
    fc.property(changes, fc.integer({ min: 1, max: 12_000 }), (steps, windowMs) => {
      const series = new StepSeries({ bucketMs: 100, buckets: 100 });
      let nowMs = 0;
      let last = 0;
      for (const [waitMs, level] of steps) series.set((last = level), (nowMs += waitMs));
      series.advance((nowMs += 50));
      const [mean, max, min] = [series.mean(windowMs), series.max(windowMs), series.min(windowMs)];
      assert(min <= mean + 1e-9 && mean <= max + 1e-9, `${min} ${mean} ${max}`);
      assert(min <= last && last <= max);
      assert(max <= Math.max(...steps.map(([, level]) => level)));
    }),
  );
});

test("the start-up time is the 90th percentile of the last ones; ten seconds before there are any", () => {
  const times = new StartUpTimes();
  assert.equal(times.startUpMs, 10_000);
  for (let n = 1; n <= 10; n++) times.record(n * 1_000);
  assert.equal(times.startUpMs, 9_000);
  times.record(Number.NaN);
  for (let n = 0; n < 40; n++) times.record(500);
  assert.equal(times.startUpMs, 500);
});
