// What is kept of decisions, and what is refused as settings.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batchFaults,
  boundsFaults,
  DecisionHistory,
  hpaFaults,
  initialReplicas,
  knativeFaults,
  objectiveFaults,
  rayFaults,
  type ScalingFault,
  sloFaults,
} from "../../../controller/autoscale/index.ts";
import { GPU, UNKNOWN_TIMES } from "./support.ts";

const decision = (target: number, explanation: string, fault?: string) => ({
  target,
  explanation,
  reviewAtMs: 0,
  ...(fault === undefined ? {} : { fault }),
});

test("a stretch without a change is one entry; a change or a fault begins another (invariant 2)", () => {
  const history = new DecisionHistory();
  history.add(3, decision(3, "3: a"), 10);
  history.add(3, decision(3, "3: b"), 20);
  history.add(3, decision(5, "3 → 5: c"), 30);
  history.add(5, decision(5, "5: d"), 40);
  history.add(5, decision(5, "5: e", "broken"), 50);
  assert.deepEqual(
    history
      .latest()
      .map(({ sinceMs, untilMs, from, to, explanation }) => [sinceMs, untilMs, from, to, explanation]),
    [
      [50, 50, 5, 5, "5: e"],
      [30, 40, 3, 5, "3 → 5: c"],
      [10, 20, 3, 3, "3: b"],
    ],
  );
});

test("the oldest decisions go (invariant 1)", () => {
  const history = new DecisionHistory(3);
  for (let n = 0; n < 10; n++) history.add(n, decision(n + 1, `${n}`), n);
  assert.deepEqual(
    history.latest().map(({ from }) => from),
    [9, 8, 7],
  );
  assert.equal(history.latest(1).length, 1);
});

function fields(faults: readonly ScalingFault[]): string[] {
  return faults.map(({ field }) => field);
}

test("bounds that contradict each other", () => {
  assert.deepEqual(boundsFaults({ min: 1, max: 10, initial: 3 }), []);
  assert.deepEqual(boundsFaults({ min: 5, max: 2 }), [
    { field: "min", message: "is 5, at most the maximum of 2 is wanted" },
  ]);
  assert.deepEqual(fields(boundsFaults({ min: 1, max: 4, initial: 9 })), ["initial"]);
  assert.deepEqual(fields(boundsFaults({ min: -1, max: 0.5 })), ["min", "max"]);
  assert.deepEqual(fields(boundsFaults({ min: Number.NaN, max: Infinity })), ["min", "max"]);
  assert.deepEqual(
    [initialReplicas({ min: 2, max: 9 }), initialReplicas({ min: 0, max: 9, initial: 4 })],
    [2, 4],
  );
});

test("an objective that cannot be met, once one row's time is known", () => {
  assert.deepEqual(objectiveFaults({ objectiveMs: 5 }, UNKNOWN_TIMES), []);
  assert.deepEqual(objectiveFaults({ objectiveMs: 40 }, GPU), []);
  const [fault] = objectiveFaults({ objectiveMs: 12 }, GPU);
  assert.equal(fault?.message, "is 12, one row takes up to 11.0 ms and 2 ms go elsewhere");
});

test("a batch that is never formed", () => {
  assert.deepEqual(batchFaults({ maxBatchRows: 8, maxOngoingRequests: 8 }), []);
  assert.deepEqual(fields(batchFaults({ maxBatchRows: 10, maxOngoingRequests: 5 })), ["maxBatchRows"]);
  const late = batchFaults({ maxBatchRows: 512, maxOngoingRequests: 512, objectiveMs: 40, service: GPU });
  assert.deepEqual(
    late.map(({ message }) => message),
    ["is 512, no more than 56 rows are in time"],
  );
});

test("settings of each policy that make no sense, and the defaults, which do", () => {
  assert.deepEqual([...sloFaults({ objectiveMs: 40 }), ...rayFaults({}), ...knativeFaults({})], []);
  assert.deepEqual(hpaFaults({ targetOngoingRequests: 5 }, { min: 1, max: 2 }), []);
  assert.deepEqual(fields(sloFaults({ objectiveMs: 0 })), ["objectiveMs", "overheadMs"]);
  assert.deepEqual(fields(sloFaults({ objectiveMs: 9, attainment: 1, keepAliveMs: -1 })), [
    "attainment",
    "keepAliveMs",
  ]);
  const ray = rayFaults({ targetOngoingRequests: 0, lookBackPeriodMs: 1e9, upscaleDelayMs: Number.NaN });
  assert.deepEqual(fields(ray), ["targetOngoingRequests", "lookBackPeriodMs", "upscaleDelayMs"]);
  const knative = knativeFaults({ targetUtilisation: 1.2, panicThreshold: 1, stableWindowMs: 0 });
  assert.deepEqual(fields(knative), ["targetUtilisation", "stableWindowMs", "panicThreshold"]);
  const rates = [{ type: "pods", value: 0, periodMs: 15_000 }] as const;
  assert.deepEqual(fields(hpaFaults({ targetOngoingRequests: 5, upRates: rates }, { min: 0, max: 2 })), [
    "min",
    "rate",
  ]);
});
