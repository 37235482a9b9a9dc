// Kubernetes' rule, with numbers worked from its source.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HpaPolicy, type HpaPolicyOptions } from "../../../controller/autoscale/index.ts";
import { flatLoad, snapshot } from "./support.ts";

type Row = readonly [second: number, ongoing: number, ready?: number];

function targets(options: Partial<HpaPolicyOptions>, rows: readonly Row[], start: number): number[] {
  const policy = new HpaPolicy({ targetOngoingRequests: 10, ...options });
  let target = start;
  return rows.map(([second, ongoing, ready = target]) => {
    ({ target } = policy.decide(
      snapshot({ nowMs: second * 1_000, target, ready, load: flatLoad({ ongoing }) }),
    ));
    return target;
  });
}

test("⌈replicas · measured / target⌉ every fifteen seconds, nothing within ten per cent (invariant 1)", () => {
  assert.deepEqual(
    targets(
      {},
      [
        [0, 54],
        [14, 400],
        [15, 65],
      ],
      5,
    ),
    [5, 5, 7],
  );
  assert.deepEqual(targets({}, [[0, 56]], 5), [6]);
});

test("replicas that are not ready count as idle on the way up (invariant 1)", () => {
  // 2 of 6 ready with 50 ongoing: 25 each is too much, but 50 / 6 is less than the target.
  assert.deepEqual(targets({}, [[0, 50, 2]], 6), [6]);
  assert.deepEqual(targets({}, [[0, 80, 2]], 6), [8]);
  assert.deepEqual(targets({}, [[0, 80, 0]], 6), [6]);
});

test("up: four more or twice as many in a period, whichever is more (invariant 3)", () => {
  assert.deepEqual(
    targets(
      {},
      [
        [0, 1_000],
        [15, 1_000],
        [30, 1_000],
      ],
      2,
    ),
    [6, 12, 24],
  );
  const slow = { upRates: [{ type: "pods", value: 2, periodMs: 60_000 }] } as const;
  assert.deepEqual(
    targets(
      slow,
      [
        [0, 1_000],
        [15, 1_000],
        [59, 1_000],
        [74, 1_000],
      ],
      2,
    ),
    [4, 4, 4, 6],
  );
});

test("down: the largest of five minutes, then at the rate (invariants 2 and 3)", () => {
  const rows: Row[] = [
    [0, 100],
    [15, 20],
    [290, 20],
    [305, 20],
  ];
  assert.deepEqual(targets({}, rows, 10), [10, 10, 10, 2]);
  const gentle = {
    downStabilisationMs: 0,
    downRates: [{ type: "percent", value: 10, periodMs: 60_000 }],
  } as const;
  assert.deepEqual(
    targets(
      gentle,
      [
        [0, 100],
        [15, 20],
        [30, 20],
        [76, 20],
      ],
      10,
    ),
    [10, 9, 9, 8],
  );
});

test("up waits for the smallest of its window, when it has one (invariant 2)", () => {
  assert.deepEqual(
    targets(
      { upStabilisationMs: 60_000 },
      [
        [0, 50],
        [15, 100],
        [45, 100],
        [75, 100],
      ],
      5,
    ),
    [5, 5, 5, 10],
  );
});

test("at none it does nothing", () => {
  const policy = new HpaPolicy({ targetOngoingRequests: 10 });
  const none = { target: 0, ready: 0, queuedRequests: 9, bounds: { min: 0, max: 9 }, flat: { ongoing: 9 } };
  assert.equal(policy.decide(snapshot(none)).target, 0);
});
