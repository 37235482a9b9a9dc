// Arrivals by their statistics, with fixed seeds, and by what holds for all of them.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import * as fc from "fast-check";
import type { ArrivalProcess } from "../../../loadtests/open-loop/arrivals/gaps.ts";
import { type ArrivalPlan, plannedTimes } from "../../../loadtests/open-loop/arrivals/plan.ts";
import type { RateProfile } from "../../../loadtests/open-loop/arrivals/profile.ts";
import { arrivalTimes, type RatePiece } from "../../../loadtests/open-loop/arrivals/rate-pieces.ts";
import { checkProperty } from "../../support/properties.ts";

const HOUR_MS = 3_600_000;

function timesOf(plan: ArrivalPlan, seed: number, untilMs: number): number[] {
  return [...Iterator.from(plannedTimes(plan, seed, untilMs))];
}

function rate(ratePerSecond: number, profile?: RateProfile, process?: ArrivalProcess): ArrivalPlan {
  return { kind: "rate", ratePerSecond, ...(profile && { profile }), ...(process && { process }) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
}

function countsOf(times: readonly number[], windowMs: number, untilMs: number): number[] {
  const counts = Array.from({ length: Math.floor(untilMs / windowMs) }, () => 0);
  for (const timeMs of times) {
    const window = Math.floor(timeMs / windowMs);
    if (window < counts.length) counts[window] = (counts[window] ?? 0) + 1;
  }
  return counts;
}

/** The index of dispersion I(w): variance over mean of the counts in windows; 1 for Poisson. */
function dispersion(times: readonly number[], windowMs: number, untilMs: number): number {
  const counts = countsOf(times, windowMs, untilMs);
  return variance(counts) / mean(counts);
}

function near(found: number, wanted: number, share: number): void {
  assert.ok(
    Math.abs(found - wanted) <= share * wanted,
    `found ${found}, wanted ${wanted} ± ${share * 100} %`,
  );
}

function within(times: readonly number[], fromMs: number, toMs: number): number {
  return times.filter((timeMs) => timeMs >= fromMs && timeMs < toMs).length;
}

test("constant arrivals are evenly apart, and exactly as many as the rate says", () => {
  const times = timesOf(rate(250, undefined, { kind: "constant" }), 1, 10_000);
  assert.equal(times.length, 2500);
  times.forEach((timeMs, index) => assert.ok(Math.abs(timeMs - (2 + 4 * index)) < 1e-6));
});

for (const [name, process, cv] of [
  ["Poisson", { kind: "poisson" }, 1],
  ["Gamma, even", { kind: "gamma", cv: 0.4 }, 0.4],
  ["Gamma like Poisson", { kind: "gamma", cv: 1 }, 1],
  ["Gamma, bursty", { kind: "gamma", cv: 4 }, 4],
] as const) {
  test(`${name} arrivals have the mean and the variation asked for`, () => {
    const times = timesOf(rate(1000, undefined, process), 7, 300_000);
    const gaps = times.slice(1).map((timeMs, index) => timeMs - (times[index] ?? 0));
    near(mean(gaps), 1, 0.03);
    near(Math.sqrt(variance(gaps)) / mean(gaps), cv, 0.05);
    // What a long window sees of a renewal process is the square of its gaps' variation.
    near(dispersion(times, 500, 300_000), cv ** 2, 0.25);
  });
}

test("a bursty process has no more arrivals in its first second than in any other", () => {
  const counts = Array.from(
    { length: 4000 },
    (_, seed) => timesOf(rate(20, undefined, { kind: "gamma", cv: 3 }), seed, 1000).length,
  );
  near(mean(counts), 20, 0.05);
});

test("arrivals ascend, end in time, and are the same for the same seed", (context) => {
  checkProperty(
    context,
    fc.property(plans, fc.nat(), (plan, seed) => {
      const times = timesOf(plan, seed, 20_000);
      times.forEach((timeMs, index) => assert.ok(timeMs >= (times[index - 1] ?? 0) && timeMs < 20_000));
      assert.deepEqual(timesOf(plan, seed, 20_000), times);
      assert.deepEqual(
        timesOf(plan, seed, 5_000),
        times.filter((timeMs) => timeMs < 5_000),
      );
    }),
  );
});

const duration = fc.integer({ min: 1, max: 8000 });
const factor = fc.double({ min: 0, max: 10, noNaN: true });
const profiles: fc.Arbitrary<RateProfile> = fc.oneof(
  fc
    .constantFrom("flat" as const, "conv" as const, "code" as const, "twitter" as const)
    .map((kind) => ({ kind })),
  fc.record({ kind: fc.constant("step" as const), atMs: fc.nat(8000), factor }),
  fc
    .record({ kind: fc.constant("ramp" as const), fromMs: fc.nat(8000), factor })
    .chain((ramp) => duration.map((lengthMs) => ({ ...ramp, untilMs: ramp.fromMs + lengthMs }))),
  fc.record({
    kind: fc.constant("doubling" as const),
    everyMs: duration,
    maxFactor: fc.integer({ min: 1, max: 16 }),
  }),
  fc
    .record({ kind: fc.constant("spikes" as const), lengthMs: duration, factor })
    .chain((spikes) => duration.map((restMs) => ({ ...spikes, everyMs: spikes.lengthMs + restMs }))),
  fc.record({
    kind: fc.constant("square" as const),
    periodMs: duration,
    duty: fc.double({ min: 0.05, max: 1, noNaN: true }),
  }),
  fc
    .record({ kind: fc.constant("mmpp" as const), meansMs: fc.tuple(duration, duration, duration) })
    .map((mmpp) => ({ ...mmpp, factors: [1, 0, 5] })),
);
const processes = fc.oneof(
  fc.constantFrom({ kind: "constant" as const }, { kind: "poisson" as const }),
  fc.record({ kind: fc.constant("gamma" as const), cv: fc.double({ min: 0.05, max: 15, noNaN: true }) }),
);
const plans: fc.Arbitrary<ArrivalPlan> = fc.record({
  kind: fc.constant("rate" as const),
  ratePerSecond: fc.double({ min: 0.1, max: 40, noNaN: true }),
  profile: profiles,
  process: processes,
});

test("between two instants the rate's integral is the number of evenly spaced arrivals", (context: TestContext) => {
  const level = fc.double({ min: 0, max: 2000, noNaN: true });
  const piece: fc.Arbitrary<RatePiece> = fc.record({ durationMs: duration, fromRate: level, toRate: level });
  checkProperty(
    context,
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
      const even = (function* (): Generator<number, never> {
        for (;;) yield 1;
      })();
      const times = [...arrivalTimes(pieces, even, Number.POSITIVE_INFINITY)];
      const expected = (toMs: number): number => {
        let sum = 0;
        let beganMs = 0;
        for (const { durationMs, fromRate, toRate } of pieces) {
          const insideMs = Math.max(0, Math.min(durationMs, toMs - beganMs));
          const endRate = fromRate + ((toRate - fromRate) * insideMs) / durationMs;
          sum += ((fromRate + endRate) / 2 / 1000) * insideMs;
          beganMs += durationMs;
        }
        return sum;
      };
      times.forEach((timeMs, index) => assert.ok(Math.abs(expected(timeMs) - (index + 1)) < 1e-5));
      assert.ok(Math.abs(Math.floor(expected(Number.POSITIVE_INFINITY) + 1e-6) - times.length) <= 1);
    }),
  );
});

test("step, ramp, doubling and spikes have the rate they say, where they say", () => {
  const even = { kind: "constant" } as const;
  const sent = (profile: RateProfile): number[] => timesOf(rate(100, profile, even), 1, 60_000);
  const step = sent({ kind: "step", atMs: 10_000, factor: 8, untilMs: 20_000 });
  assert.deepEqual(
    [within(step, 0, 10_000), within(step, 10_000, 20_000), within(step, 20_000, 60_000)],
    [1000, 8000, 4000],
  );
  const ramp = sent({ kind: "ramp", fromMs: 10_000, untilMs: 30_000, factor: 3 });
  assert.deepEqual(
    [within(ramp, 0, 10_000), within(ramp, 10_000, 30_000), within(ramp, 30_000, 60_000)],
    [1000, 4000, 9000],
  );
  const doubling = sent({ kind: "doubling", everyMs: 10_000, maxFactor: 8 });
  near(within(doubling, 10_000, 20_000) / within(doubling, 0, 10_000), 2, 0.01);
  near(within(doubling, 20_000, 30_000) / within(doubling, 10_000, 20_000), 2, 0.01);
  assert.equal(Math.abs(within(doubling, 30_000, 60_000) - 24_000) <= 1, true);
  const spikes = sent({ kind: "spikes", everyMs: 20_000, lengthMs: 5000, factor: 10 });
  for (const atMs of [0, 20_000, 40_000]) {
    assert.deepEqual(
      [within(spikes, atMs, atMs + 15_000), within(spikes, atMs + 15_000, atMs + 20_000)],
      [1500, 5000],
    );
  }
});

test("square is silent when it is off, and keeps the mean", () => {
  const times = timesOf(rate(100, { kind: "square", periodMs: 10_000, duty: 0.25 }), 3, 400_000);
  assert.ok(times.every((timeMs) => timeMs % 10_000 < 2500.001));
  near(times.length, 40_000, 0.03);
});

test("mmpp keeps the mean and spends in each state its share of the time", () => {
  const profile = { kind: "mmpp", factors: [1, 9], meansMs: [3000, 1000] } as const;
  const times = timesOf(rate(100, profile), 5, 2 * HOUR_MS);
  near(times.length, 720_000, 0.06);
  // Rates are 33 and 300 a second: 16 a tenth of a second parts them.
  const high = countsOf(times, 100, 2 * HOUR_MS).filter((count) => count > 16).length / (2 * 36_000);
  near(high, 0.25, 0.15);
});

test("conv and code are as bursty at every scale as the traces they stand for", () => {
  const seeds = Array.from({ length: 30 }, (_, seed) => seed);
  const median = (values: number[]): number => values.toSorted((left, right) => left - right)[15] ?? 0;
  const conv = seeds.map((seed) => timesOf(rate(5.5, { kind: "conv" }), seed, HOUR_MS));
  near(mean(conv.map(({ length }) => length)), 5.5 * 3600, 0.1);
  for (const [windowMs, wanted] of [
    [1000, 1.3],
    [10_000, 3.8],
    [60_000, 16],
  ] as const) {
    near(median(conv.map((times) => dispersion(times, windowMs, HOUR_MS))), wanted, 0.25);
  }
  const code = seeds.map((seed) => timesOf(rate(2.6, { kind: "code" }), seed, HOUR_MS));
  near(mean(code.map(({ length }) => length)), 2.6 * 3600, 0.1);
  for (const [windowMs, wanted] of [
    [1000, 13],
    [10_000, 75],
    [60_000, 106],
  ] as const) {
    near(median(code.map((times) => dispersion(times, windowMs, HOUR_MS))), wanted, 0.25);
  }
  const empty = code.map(
    (times) => countsOf(times, 1000, HOUR_MS).filter((count) => count === 0).length / 3600,
  );
  near(median(empty), 0.72, 0.1);
});

test("twitter goes through its day and jumps now and then; compressed, it does so faster", () => {
  const profile = { kind: "twitter", compress: 24 } as const;
  const minutes = countsOf(timesOf(rate(60, profile), 1, HOUR_MS), 10_000, HOUR_MS);
  const calm = minutes.filter((count) => count < 1000);
  assert.ok(minutes.length - calm.length >= 10, "no jump");
  const [first, second] = [calm.slice(0, calm.length / 2), calm.slice(calm.length / 2)];
  // The mean of a half of a sine is 2/π.
  near(mean(first) / mean(second), (1 + (0.19 * 2) / Math.PI) / (1 - (0.19 * 2) / Math.PI), 0.1);
});
