// Ray's rule, with numbers worked from its source.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RayPolicy, type RayPolicyOptions } from "../../../controller/autoscale/index.ts";
import { type FlatLoad, flatLoad, snapshot } from "./support.ts";

/** Asks at each of the given seconds, the target following the answers; what each said. */
function targets(
  policy: RayPolicy,
  moments: readonly (readonly [second: number, ongoing: number])[],
  start: { readonly target: number; readonly min?: number },
): number[] {
  let { target } = start;
  return moments.map(([second, ongoing]) => {
    const load = flatLoad({ ongoing } satisfies FlatLoad);
    const bounds = { min: start.min ?? 1, max: 100 };
    ({ target } = policy.decide(snapshot({ nowMs: second * 1_000, target, ready: target, load, bounds })));
    return target;
  });
}

const INSTANT: RayPolicyOptions = { metricsIntervalMs: 0, upscaleDelayMs: 0, downscaleDelayMs: 0 };

test("replicas = ongoing / target, rounded up", () => {
  assert.deepEqual(targets(new RayPolicy(INSTANT), [[0, 9]], { target: 2 }), [5]);
  assert.deepEqual(
    targets(new RayPolicy({ ...INSTANT, targetOngoingRequests: 3 }), [[0, 9]], { target: 5 }),
    [3],
  );
});

test("factors scale the difference, and rounding does not block a step down", () => {
  assert.deepEqual(
    targets(new RayPolicy({ ...INSTANT, upscalingFactor: 0.5 }), [[0, 20]], { target: 2 }),
    [6],
  );
  // ⌈5 + 0.1·(4 − 5)⌉ = 5, so one is taken off.
  assert.deepEqual(
    targets(new RayPolicy({ ...INSTANT, downscalingFactor: 0.1 }), [[0, 8]], { target: 5 }),
    [4],
  );
});

test("a delay runs by wall time, however often it is asked, and the newest value counts (invariants 1 and 3)", () => {
  const often = Array.from({ length: 300 }, (_, n): [number, number] => [n / 10, 20]);
  const policy = new RayPolicy({ metricsIntervalMs: 0 });
  assert.deepEqual(new Set(targets(policy, often, { target: 2 })), new Set([2]));
  assert.deepEqual(targets(policy, [[30, 14]], { target: 2 }), [7]);
  const seldom = new RayPolicy({ metricsIntervalMs: 0 });
  assert.deepEqual(
    targets(
      seldom,
      [
        [0, 20],
        [29, 20],
        [31, 20],
      ],
      { target: 2 },
    ),
    [2, 2, 10],
  );
});

test("a decision the other way begins the delay again (invariant 1)", () => {
  const moments: [number, number][] = [
    [0, 20],
    [20, 4],
    [25, 20],
    [50, 20],
    [55, 20],
  ];
  assert.deepEqual(
    targets(new RayPolicy({ metricsIntervalMs: 0 }), moments, { target: 2 }),
    [2, 2, 2, 2, 10],
  );
});

test("down after 600 s, to none only by way of one (invariant 2)", () => {
  const options = { metricsIntervalMs: 0, downscaleToZeroDelayMs: 60_000 };
  const moments: [number, number][] = [
    [0, 0],
    [599, 0],
    [600, 0],
    [601, 0],
    [660, 0],
    [661, 0],
  ];
  assert.deepEqual(targets(new RayPolicy(options), moments, { target: 5, min: 0 }), [5, 5, 1, 1, 1, 0]);
});

test("from none to one at once (invariant 2)", () => {
  const policy = new RayPolicy();
  const none = { target: 0, ready: 0, bounds: { min: 0, max: 10 } };
  assert.equal(policy.decide(snapshot(none)).target, 0);
  assert.equal(policy.decide(snapshot({ ...none, queuedRequests: 50 })).target, 1);
  assert.equal(policy.decide(snapshot({ ...none, target: 3, queuedRequests: 50 })).target, 3);
});

test("the load is seen as of its last report", () => {
  const policy = new RayPolicy({ ...INSTANT, metricsIntervalMs: 10_000 });
  assert.deepEqual(
    targets(
      policy,
      [
        [0, 4],
        [1, 40],
        [9, 40],
        [10, 40],
      ],
      { target: 2 },
    ),
    [2, 2, 2, 20],
  );
});

test("the look-back and the aggregation are what the load is asked for", () => {
  const asked: string[] = [];
  const load = {
    ...flatLoad(),
    maxOngoing: (windowMs: number): number => {
      asked.push(`max ${windowMs}`);
      return 30;
    },
  };
  const policy = new RayPolicy({ ...INSTANT, lookBackPeriodMs: 12_000, aggregationFunction: "max" });
  const decision = policy.decide(snapshot({ load, target: 2 }));
  assert.deepEqual([asked, decision.target], [["max 12000"], 15]);
  assert.equal(decision.explanation, "2 → 15: 30 requests ongoing, max of 12 s, 2 wanted per replica");
});
