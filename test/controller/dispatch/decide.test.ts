// The decisions, as tables.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type Aftermath, afterUnanswered, MAX_RETURNS } from "../../../controller/dispatch/aftermath.ts";
import { decide, type PoolView, type SlotView, type Waiting } from "../../../controller/dispatch/decide.ts";
import type { DispatchPolicy } from "../../../controller/dispatch/policy.ts";
import type { BatchOutcome } from "../../../controller/dispatch/replica-link.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { POLICY } from "./support.ts";

const NOW_MS = 500;

interface FakeSlot extends SlotView {
  /** It runs a suspect, which gets no company. */
  readonly reserved: boolean;
}

function slot(ongoingBatches: number, more: Partial<FakeSlot> = {}): FakeSlot {
  return { ongoingBatches, ongoingRequests: ongoingBatches, reserved: false, ...more };
}

/** What the pool of the dispatcher would say of these. */
function poolOf(slots: readonly FakeSlot[], policy: DispatchPolicy): PoolView<FakeSlot> {
  const ready = slots
    .filter(({ reserved }) => !reserved)
    .filter(({ ongoingBatches }) => ongoingBatches < policy.maxConcurrentBatches)
    .filter(({ ongoingRequests }) => ongoingRequests < policy.maxOngoingRequests)
    .toSorted((a, b) => a.ongoingBatches - b.ongoingBatches);
  return { best: ready[0], idle: ready.filter(({ ongoingBatches }) => ongoingBatches === 0).length };
}

function waiting(headRows: number, waitedMs = 0, headSuspect = false): Waiting {
  return { headRows, headQueuedMs: NOW_MS - waitedMs, headAlone: headSuspect, headSuspect };
}

function decided(head: Waiting, slots: readonly FakeSlot[], policy = POLICY): unknown {
  const decision = decide(head, poolOf(slots, policy), { policy, nowMs: NOW_MS });
  if (decision.kind !== "send") return decision;
  const { kind, rows, requests } = decision;
  return { kind, slot: slots.indexOf(decision.slot), rows, requests };
}

test("with an idle replica the wait is zero (invariant 1)", () => {
  assert.deepEqual(decided(waiting(1), [slot(0)]), { kind: "send", slot: 0, rows: 1, requests: 100 });
  assert.deepEqual(decided(waiting(1), [slot(1), slot(0)]), {
    kind: "send",
    slot: 1,
    rows: 1,
    requests: 100,
  });
});

test("while every replica is busy, a batch waits for company until its wait has been long enough (invariant 2)", () => {
  assert.deepEqual(decided(waiting(3, 4), [slot(1)]), { kind: "wait", untilMs: NOW_MS + 6 });
  assert.deepEqual(decided(waiting(3, 10), [slot(1)]), { kind: "send", slot: 0, rows: 4, requests: 99 });
});

test("a full batch does not wait", () => {
  assert.deepEqual(decided(waiting(4), [slot(1)]), { kind: "send", slot: 0, rows: 4, requests: 99 });
});

test("idle replicas share what is queued (invariant 3)", () => {
  assert.deepEqual(decided(waiting(6), [slot(0), slot(0), slot(0)]), {
    kind: "send",
    slot: 0,
    rows: 2,
    requests: 100,
  });
  assert.deepEqual(decided(waiting(100), [slot(0), slot(0)]), {
    kind: "send",
    slot: 0,
    rows: 4,
    requests: 100,
  });
});

test("a busy batch goes to the replica with fewest", () => {
  const policy = { ...POLICY, maxConcurrentBatches: 3 };
  assert.deepEqual(decided(waiting(4), [slot(2), slot(1)], policy), {
    kind: "send",
    slot: 1,
    rows: 4,
    requests: 99,
  });
});

test("max_ongoing_requests and the batches at a time bound what a replica has", () => {
  assert.deepEqual(decided(waiting(9), [slot(2), slot(2)]), { kind: "full" });
  assert.deepEqual(decided(waiting(9), []), { kind: "full" });
  assert.deepEqual(decided(waiting(9), [slot(1, { ongoingRequests: 100 })]), { kind: "full" });
  assert.deepEqual(decided(waiting(9), [slot(1, { ongoingRequests: 98 })]), {
    kind: "send",
    slot: 0,
    rows: 4,
    requests: 2,
  });
});

test("a suspect gets a replica to itself (invariant 4)", () => {
  const suspect = waiting(1, 99, true);
  assert.deepEqual(decided(suspect, [slot(1)]), { kind: "full" });
  assert.deepEqual(decided(suspect, [slot(1), slot(0)]), { kind: "send", slot: 1, rows: 1, requests: 100 });
  assert.deepEqual(decided(waiting(9, 99), [slot(1, { reserved: true })]), { kind: "full" });
});

test("what is sent never exceeds a bound, and waiting ends (random)", (t) => {
  const slots = fc.array(
    fc
      .record({ ongoingBatches: fc.nat(3), ongoingRequests: fc.nat(6), reserved: fc.boolean() })
      // Without a batch there are no requests.
      .map((one) => (one.ongoingBatches === 0 ? { ...one, ongoingRequests: 0 } : one)),
    { maxLength: 4 },
  );
  const policies = fc.record({
    maxBatchSize: fc.integer({ min: 1, max: 6 }),
    batchWaitTimeoutMs: fc.nat(20),
    maxConcurrentBatches: fc.integer({ min: 1, max: 3 }),
    maxOngoingRequests: fc.integer({ min: 1, max: 6 }),
  });
  const heads = fc.record({
    headRows: fc.integer({ min: 1, max: 20 }),
    headQueuedMs: fc.integer({ min: NOW_MS - 30, max: NOW_MS }),
    headAlone: fc.boolean(),
    headSuspect: fc.boolean(),
  });
  checkProperty(
    t,
    fc.property(heads, slots, policies, (head, views, bounds) => {
      const policy = { ...POLICY, ...bounds };
      const decision = decide(head, poolOf(views, policy), { policy, nowMs: NOW_MS });
      if (decision.kind === "send") {
        assert(decision.slot.ongoingBatches < policy.maxConcurrentBatches);
        assert(decision.slot.ongoingRequests + decision.requests <= policy.maxOngoingRequests);
        assert(decision.requests >= 1 && decision.rows >= 1 && decision.rows <= policy.maxBatchSize);
        assert(!decision.slot.reserved);
        assert(!head.headSuspect || decision.slot.ongoingBatches === 0);
      } else if (decision.kind === "wait") {
        assert(decision.untilMs > NOW_MS && decision.untilMs <= NOW_MS + policy.batchWaitTimeoutMs);
        assert(views.every((view) => view.reserved || view.ongoingBatches > 0));
      }
    }),
    500,
  );
});

const error = new ShoalError("ENGINE_FAILED", "it failed");
const failed = { kind: "failed", error } as const;
const refused = { kind: "refused", error } as const;
const lost = { kind: "lost", error, delivered: true } as const;
const undelivered = { kind: "lost", error, delivered: false } as const;
const fresh = { requests: 3, suspect: false, returns: 0 };

for (const [what, outcome, known, idempotent, wanted] of [
  ["a failed batch of several", failed, fresh, true, "requeue-alone"],
  ["a failed batch of several, not idempotent", failed, fresh, false, "requeue-alone"],
  ["a failed batch of one", failed, { ...fresh, requests: 1 }, true, "fail"],
  ["a refused batch", refused, fresh, false, "requeue"],
  ["a batch refused too often", refused, { ...fresh, returns: MAX_RETURNS }, true, "fail"],
  ["an undelivered batch", undelivered, fresh, true, "requeue"],
  ["an undelivered batch, not idempotent", undelivered, fresh, false, "requeue"],
  ["a batch undelivered too often", undelivered, { ...fresh, returns: MAX_RETURNS }, true, "fail"],
  ["a lost batch", lost, fresh, true, "requeue-alone"],
  ["a lost batch, not idempotent", lost, fresh, false, "fail"],
  ["a lost suspect", lost, { requests: 1, suspect: true, returns: 1 }, true, "fail"],
] satisfies [string, Exclude<BatchOutcome, { kind: "done" }>, typeof fresh, boolean, Aftermath][]) {
  test(`${what}: ${wanted}`, () => {
    assert.equal(afterUnanswered(outcome, known, { idempotent }), wanted);
  });
}

test("what can have no company does not wait for any", () => {
  const busy = [slot(1)];
  const policy = { ...POLICY, maxConcurrentBatches: 2, maxBatchSize: 8, batchWaitTimeoutMs: 50 };
  const head = { ...waiting(1), headAlone: true };
  assert.equal(decide(head, poolOf(busy, policy), { policy, nowMs: NOW_MS }).kind, "send");
  assert.equal(
    decide({ ...head, headAlone: false }, poolOf(busy, policy), { policy, nowMs: NOW_MS }).kind,
    "wait",
  );
});
