// What one of several gateways may use of a deployment's bounds.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { shareOf } from "../../../controller/routing/share.ts";
import type { DispatchPolicy } from "../../../controller/dispatch/index.ts";

const POLICY: DispatchPolicy = {
  maxBatchSize: 8,
  batchWaitTimeoutMs: 0,
  maxConcurrentBatches: 2,
  maxOngoingRequests: 5,
  maxQueuedRequests: 100,
  idempotent: true,
  tenants: { header: "x-tenant", weights: { a: 2 }, maxQueuedRequests: 10 },
};

test("a gateway alone has all of it", () => {
  assert.equal(shareOf(POLICY, 1), POLICY);
});

test("of two each has half, and a tenant's bound is shared as well", () => {
  assert.deepEqual(shareOf({ ...POLICY, maxBatchSize: 1 }, 2), {
    ...POLICY,
    maxBatchSize: 1,
    maxConcurrentBatches: 1,
    maxOngoingRequests: 2,
    maxQueuedRequests: 50,
    tenants: { ...POLICY.tenants, maxQueuedRequests: 5 },
  });
});

test("1: batches are as large as those of one gateway, however many share the bound", () => {
  const engine = { ...POLICY, maxBatchSize: 32, maxOngoingRequests: 64 };
  assert.deepEqual(
    [2, 3, 8, 64].map((gateways) => shareOf(engine, gateways).maxOngoingRequests),
    [32, 32, 32, 32],
  );
  assert.equal(
    shareOf({ ...POLICY, maxOngoingRequests: 1 }, 4).maxOngoingRequests,
    1,
    "one at a time stays so",
  );
});

test("each has something, and together they queue no less than one would", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 2_000 }),
      (gateways, ongoing, queued) => {
        const share = shareOf(
          { ...POLICY, maxOngoingRequests: ongoing, maxQueuedRequests: queued },
          gateways,
        );
        assert(share.maxConcurrentBatches >= 1 && share.maxOngoingRequests >= 1);
        const fullBatch = Math.min(POLICY.maxBatchSize, ongoing);
        assert(share.maxOngoingRequests >= fullBatch);
        assert(share.maxOngoingRequests * gateways <= Math.max(ongoing, gateways * fullBatch));
        assert(share.maxQueuedRequests * gateways >= queued);
      },
    ),
  );
});
