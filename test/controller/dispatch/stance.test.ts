// When it is overload, with two replicas and a learnt line of 10 + 1·b ms: in batches of ten 1,000 rows a second.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Arrivals } from "../../../controller/dispatch/arrivals.ts";
import type { DispatchPolicy } from "../../../controller/dispatch/policy.ts";
import { ServiceRecord } from "../../../controller/dispatch/service-record.ts";
import { stanceOf } from "../../../controller/dispatch/stance.ts";
import { POLICY } from "./support.ts";

const policy = { ...POLICY, maxBatchSize: 10, maxConcurrentBatches: 1, objectiveMs: 100 };

interface Case {
  readonly perSecond: number;
  readonly turnedAway: boolean;
  readonly batches?: number;
}

/** Ten seconds of arrivals at an even rate, half of which may be turned away in the last fifth of a second. */
function overloadedBy(
  { perSecond, turnedAway, batches = 400 }: Case,
  settings: DispatchPolicy = policy,
): boolean {
  const service = new ServiceRecord();
  for (let batch = 0; batch < batches; batch++) service.model.observe(1 + (batch % 10), 11 + (batch % 10));
  const arrivals = new Arrivals();
  let nowMs = 0;
  for (; nowMs < 10_000; nowMs += 1_000 / perSecond) {
    arrivals.add(1, nowMs);
    arrivals.ended(turnedAway && nowMs > 9_800 && Math.floor((nowMs * perSecond) / 1_000) % 2 === 0);
  }
  const stance = stanceOf({ pool: { usable: 2 }, service, arrivals }, settings, nowMs);
  assert.equal(stance.gate, stance.overloaded ? 0.98 : 0.9);
  assert.equal(stance.pace === service.model, !stance.overloaded);
  return stance.overloaded;
}

test("overload is more than can be done, some of which is turned away (invariant 1)", () => {
  assert(overloadedBy({ perSecond: 1_300, turnedAway: true }));
  assert(!overloadedBy({ perSecond: 1_300, turnedAway: false }));
});

test("a burst is none: who was turned away in it does not make a rate too much that can be served (invariant 1)", () => {
  assert(!overloadedBy({ perSecond: 800, turnedAway: true }));
});

test("without an objective, and while nothing is known, what is turned away is too much (invariant 2)", () => {
  const { objectiveMs: _, ...without } = policy;
  assert(overloadedBy({ perSecond: 800, turnedAway: true }, without));
  assert(overloadedBy({ perSecond: 800, turnedAway: true, batches: 0 }));
});
