// Knative's rule, with numbers worked from its source.

import assert from "node:assert/strict";
import { test } from "node:test";
import { KnativePolicy, type KnativePolicyOptions } from "../../../controller/autoscale/index.ts";
import { flatLoad, snapshot } from "./support.ts";

/** [second, mean of the stable window, mean of the panic window, ready] */
type Row = readonly [second: number, stable: number, panic: number, ready: number];

function targets(options: KnativePolicyOptions, rows: readonly Row[], start = 1, min = 1): number[] {
  const policy = new KnativePolicy({ containerConcurrency: 10, targetUtilisation: 1, ...options });
  let target = start;
  return rows.map(([second, stable, panic, ready]) => {
    const load = { ...flatLoad(), meanOngoing: (windowMs: number) => (windowMs === 60_000 ? stable : panic) };
    ({ target } = policy.decide(
      snapshot({ nowMs: second * 1_000, target, ready, load, bounds: { min, max: 1_000 } }),
    ));
    return target;
  });
}

test("⌈mean / target⌉ every two seconds (invariant 1)", () => {
  assert.deepEqual(
    targets({}, [
      [0, 15, 15, 1],
      [1, 35, 15, 1],
      [2, 19, 15, 2],
    ]),
    [2, 2, 2],
  );
  assert.deepEqual(targets({ containerConcurrency: 100, targetUtilisation: 0.7 }, [[0, 71, 71, 1]]), [2]);
});

test("panic follows the short window, never goes down, and ends after a stable window without (invariant 2)", () => {
  const rows: Row[] = [
    [0, 12, 40, 1], // 4 wanted by panic, twice the one that is ready
    [2, 14, 60, 1],
    [4, 16, 20, 6],
    [62, 16, 20, 6], // 60 s since the last time over the threshold
    [64, 16, 20, 6], // panic over: ⌈16/10⌉, but at most halved
  ];
  assert.deepEqual(targets({}, rows), [4, 6, 6, 6, 3]);
});

test("a step up is bounded by the rate, a step down by half", () => {
  assert.deepEqual(targets({ maxScaleUpRate: 3 }, [[0, 500, 500, 2]], 2), [6]);
  assert.deepEqual(
    targets(
      {},
      [
        [0, 100, 100, 10],
        [70, 1, 1, 10],
      ],
      10,
    ),
    [10, 5],
  );
});

test("a scaler that begins over running replicas begins in panic", () => {
  assert.deepEqual(
    targets(
      {},
      [
        [0, 10, 10, 5],
        [60, 10, 10, 5],
        [62, 10, 10, 5],
      ],
      5,
    ),
    [5, 5, 2],
  );
});

test("the scale-down delay keeps the largest of its time", () => {
  const rows: Row[] = [
    [0, 30, 10, 1],
    [2, 10, 10, 1],
    [28, 10, 10, 1],
    [32, 10, 10, 1],
  ];
  assert.deepEqual(targets({ scaleDownDelayMs: 30_000 }, rows, 3), [3, 3, 3, 1]);
});

test("to none after the grace, back with the first request (invariant 3)", () => {
  const rows: Row[] = [
    [0, 1, 1, 1],
    [10, 0, 0, 1],
    [38, 0, 0, 1],
    [40, 0, 0, 1],
  ];
  assert.deepEqual(targets({}, rows, 1, 0), [1, 1, 1, 0]);
  const policy = new KnativePolicy();
  const none = { target: 0, ready: 0, bounds: { min: 0, max: 5 } };
  assert.equal(policy.decide(snapshot({ ...none, nowMs: 0 })).target, 0);
  assert.equal(policy.decide(snapshot({ ...none, nowMs: 10, queuedRequests: 1 })).target, 1);
});
