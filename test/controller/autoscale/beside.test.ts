// Replicas that run several batches beside each other: fewer are needed, and as many as so many that run one would be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SloPolicy } from "../../../controller/autoscale/index.ts";
import { knownTimes, snapshot } from "./support.ts";

/** 100 ms a row, one row a batch. */
const service = knownTimes({ fixedMs: 0, perRowMs: 100 });

function needed(rowsPerSecond: number, batchesAtOnce: number): number {
  const policy = new SloPolicy({ objectiveMs: 300 });
  return policy.decide(
    snapshot({
      service,
      maxBatchRows: 1,
      maxOngoingRequests: batchesAtOnce,
      batchesAtOnce,
      bounds: { min: 1, max: 100 },
      target: 1,
      ready: 1,
      flat: { rowsPerSecond, missed: 0 },
    }),
  ).target;
}

test("eight at a time take an eighth of the replicas, rounded up", () => {
  for (const rowsPerSecond of [5, 20, 40]) {
    const one = needed(rowsPerSecond, 1);
    assert.equal(needed(rowsPerSecond, 8), Math.ceil(one / 8), `${rowsPerSecond}/s: ${one} one at a time`);
  }
});

test("work at the replicas keeps as many as it fills", () => {
  const policy = new SloPolicy({ objectiveMs: 300 });
  const at = (second: number) =>
    policy.decide(
      snapshot({
        nowMs: second * 1_000,
        measuredMs: second * 1_000,
        service,
        maxBatchRows: 1,
        maxOngoingRequests: 8,
        batchesAtOnce: 8,
        bounds: { min: 1, max: 100 },
        target: 4,
        ready: 4,
        ongoingRequests: 17,
        ongoingRows: 17,
        flat: { rowsPerSecond: 1 },
      }),
    );
  at(0);
  assert.equal(at(600).target, 3); // 17 rows, 8 a replica
});
