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
  assert.deepEqual(shareOf(POLICY, 2), {
    ...POLICY,
    maxConcurrentBatches: 1,
    maxOngoingRequests: 2,
    maxQueuedRequests: 50,
    tenants: { ...POLICY.tenants, maxQueuedRequests: 5 },
  });
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
        assert(share.maxOngoingRequests * gateways <= Math.max(ongoing, gateways));
        assert(share.maxQueuedRequests * gateways >= queued);
      },
    ),
  );
});
