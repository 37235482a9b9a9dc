// Shoal's own rule as a whole: what it answers as time goes on. `GPU` is t(b) = 10 + 0.5·b ms, planned with five per cent on
// top; objective 40 ms, of which 2 ms go elsewhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type ScalingDecision,
  type ScalingSnapshot,
  SloPolicy,
} from "../../../controller/autoscale/index.ts";
import { LatencyModel } from "../../../controller/latency-model/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { type FlatLoad, snapshot, UNKNOWN_TIMES } from "./support.ts";

const OBJECTIVE = { objectiveMs: 40 };

/** Asks `policy` as time goes on, the target following its answers. */
function follow(policy: SloPolicy, start: Partial<ScalingSnapshot> = {}) {
  let { target = 1 } = start;
  return (second: number, flat: FlatLoad, more: Partial<ScalingSnapshot> = {}): ScalingDecision => {
    const nowMs = second * 1_000;
    const decision = policy.decide(
      snapshot({ ...start, nowMs, measuredMs: nowMs, target, ready: target, flat, ...more }),
    );
    ({ target } = decision);
    return decision;
  };
}

test("up at once, with the numbers it goes by (invariant 1)", () => {
  const at = follow(new SloPolicy(OBJECTIVE), { target: 3 });
  const decision = at(0, { rowsPerSecond: 5_000 });
  // 5: 38/1.2/1.05 = 30.2 ms, b* = 40, 5·40/30 ms = 6667, 0.8 of it 5333 ≥ 5000.
  assert.equal(decision.explanation, "3 → 5: 5000 req/s measured, 1333 per replica at 40 ms, 0.8 head-room");
  assert.equal(decision.reviewAtMs, 500);
  assert.equal(at(0.5, { rowsPerSecond: 5_000 }).target, 5);
});

test("rows of several to a request are told in requests", () => {
  const decision = follow(new SloPolicy(OBJECTIVE), { target: 3 })(0, {
    rowsPerSecond: 5_000,
    rowsPerRequest: 4,
  });
  assert(
    decision.explanation.startsWith("3 → 5: 1250 req/s measured, 333 per replica"),
    decision.explanation,
  );
});

test("down to what was needed at every moment of the hold, by half at most, no sooner (invariant 2)", () => {
  const at = follow(new SloPolicy(OBJECTIVE), { target: 9 });
  at(0, { rowsPerSecond: 5_200, seconds: [] });
  for (let second = 1; second < 30; second++) at(second, { rowsPerSecond: 500, seconds: [] });
  const held = at(29.9, { rowsPerSecond: 500, seconds: [] });
  assert.deepEqual([held.target, held.explanation.endsWith("1 would do, held for 100 ms more")], [9, true]);
  const first = at(30, { rowsPerSecond: 500, seconds: [] });
  assert(first.explanation.startsWith("9 → 5: 500 req/s measured"), first.explanation);
  assert(first.explanation.endsWith("no more needed for 30 s"), first.explanation);
  assert.deepEqual(
    [30.1, 30.5, 31, 31.5].map((second) => at(second, { rowsPerSecond: 500, seconds: [] }).target),
    [5, 3, 2, 1],
  );
});

test("down leaves a twentieth more head-room than up asks for, so it does not turn (invariant 2)", () => {
  const at = follow(new SloPolicy(OBJECTIVE), { target: 9 });
  for (let second = 0; second < 45; second++) at(second, { rowsPerSecond: 5_200, seconds: [] });
  assert.equal(at(45, { rowsPerSecond: 5_200, seconds: [] }).target, 6); // five would do at 0.82, not at 0.77
  assert.equal(at(46, { rowsPerSecond: 5_400, seconds: [] }).target, 6);
  assert.equal(follow(new SloPolicy(OBJECTIVE), { target: 1 })(0, { rowsPerSecond: 5_200 }).target, 5);
});

test("never down on old figures, though up (invariant 3)", () => {
  const at = follow(new SloPolicy(OBJECTIVE), { target: 9 });
  let decision = at(0, { rowsPerSecond: 100, seconds: [] });
  for (let second = 1; second < 200; second++) {
    decision = at(second, { rowsPerSecond: 100, seconds: [] }, { measuredMs: second * 1_000 - 5_001 });
  }
  assert.equal(decision.target, 9);
  assert(decision.explanation.endsWith("figures 5 s old"), decision.explanation);
  assert.equal(at(201, { rowsPerSecond: 20_000, seconds: [] }, { measuredMs: 0 }).target > 9, true);
});

test("never down while there is a backlog, nor below the work at replicas (invariant 3)", () => {
  const burst = follow(new SloPolicy(OBJECTIVE), { target: 9 });
  for (let second = 0; second < 200; second++)
    burst(second, { rowsPerSecond: 100, seconds: [] }, { queuedRows: 500 });
  assert(
    burst(200, { rowsPerSecond: 100, seconds: [] }, { queuedRows: 500 }).explanation.endsWith(
      "a burst is served",
    ),
  );
  const work = follow(new SloPolicy(OBJECTIVE), { target: 9, ongoingRequests: 30, maxOngoingRequests: 5 });
  for (let second = 0; second < 200; second++) work(second, { rowsPerSecond: 100, seconds: [] });
  assert.equal(work(200, { rowsPerSecond: 100, seconds: [] }).target, 6);
});

test("nothing measured: the target stays, but for the first replica (invariant 4)", () => {
  const at = follow(new SloPolicy(OBJECTIVE), { target: 4, service: UNKNOWN_TIMES });
  assert.equal(at(0, { rowsPerSecond: 9_000 }).explanation, "4: no service time measured yet");
  assert.equal(at(500, { rowsPerSecond: 0 }).target, 4);
  const none = follow(new SloPolicy(OBJECTIVE), {
    target: 0,
    service: UNKNOWN_TIMES,
    bounds: { min: 0, max: 5 },
  });
  assert.equal(none(0, { idleMs: 99_000 }).target, 0);
  assert.equal(none(1, { rowsPerSecond: 1, idleMs: 0 }).target, 1);
  assert.equal(none(700, { idleMs: 699_000 }).target, 0);
});

test("to none when idle for the keep-alive, back with the first arrival (invariant 5)", () => {
  const policy = new SloPolicy({ ...OBJECTIVE, keepAliveMs: 120_000 });
  const at = follow(policy, { target: 1, bounds: { min: 0, max: 9 } });
  assert.equal(at(0, { rowsPerSecond: 10 }).target, 1);
  const idle = at(60, { rowsPerSecond: 0.1, idleMs: 60_000 });
  assert(idle.explanation.endsWith("none after 60 s more without a request"), idle.explanation);
  assert.equal(at(119, { rowsPerSecond: 0.1, idleMs: 119_000 }).target, 1);
  assert.equal(at(120, { rowsPerSecond: 0.1, idleMs: 120_000 }, { ongoingRequests: 1 }).target, 1);
  assert.equal(at(121, { rowsPerSecond: 0.1, idleMs: 121_000 }).target, 0);
  assert.equal(at(130, { rowsPerSecond: 0.1, idleMs: 130_000 }).explanation, "0: nobody asks");
  assert.equal(at(140, { rowsPerSecond: 5_000, idleMs: 0 }).target, 5);
});

test("the bounds hold, and what would be wanted beyond them is said", () => {
  const at = follow(new SloPolicy(OBJECTIVE), { target: 2, bounds: { min: 2, max: 4 } });
  assert.match(at(0, { rowsPerSecond: 9_000 }).explanation, /^2 → 4: .*, 9 wanted$/);
  assert.equal(follow(new SloPolicy(OBJECTIVE), { target: 7, bounds: { min: 1, max: 4 } })(0, {}).target, 4);
});

const bounds = fc
  .tuple(fc.nat(5), fc.integer({ min: 1, max: 60 }))
  .map(([min, more]) => ({ min, max: min + more }));
const loads = fc.record({
  rowsPerSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
  dispersion: fc.double({ min: 1, max: 500, noNaN: true }),
  missedShare: fc.double({ min: 0, max: 1, noNaN: true }),
  idleMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
});
const moments = fc.record({
  waitMs: fc.nat(20_000),
  load: loads,
  queuedRows: fc.nat(10_000),
  ongoingRequests: fc.nat(300),
  ready: fc.nat(60),
  lagMs: fc.nat(10_000),
});

test("any sequence: whole numbers within the bounds, never down on old figures or below the work (random)", (t) => {
  checkProperty(
    t,
    fc.property(
      bounds,
      fc.array(moments, { minLength: 1, maxLength: 40 }),
      fc.double({ min: 1, max: 500, noNaN: true }),
      (range, steps, ms) => {
        const policy = new SloPolicy({ objectiveMs: ms });
        const model = new LatencyModel();
        let target = range.min;
        let nowMs = 0;
        for (const { waitMs, load, queuedRows, ongoingRequests, ready, lagMs } of steps) {
          nowMs += waitMs;
          const work = {
            queuedRows,
            queuedRequests: queuedRows,
            ongoingRequests,
            ongoingRows: ongoingRequests,
          };
          const asked = {
            nowMs,
            measuredMs: nowMs - lagMs,
            target,
            ready,
            bounds: range,
            service: model,
            ...work,
          };
          const decision = policy.decide(snapshot({ ...asked, maxOngoingRequests: 10, flat: load }));
          assert(Number.isInteger(decision.target), decision.explanation);
          assert(decision.target >= range.min && decision.target <= range.max, decision.explanation);
          assert(!/NaN|Infinity|undefined/.test(decision.explanation), decision.explanation);
          assert(decision.reviewAtMs > nowMs);
          if (decision.target < target) {
            assert(lagMs <= 5_000, "down on old figures");
            assert(
              decision.target >= Math.min(target, Math.ceil(ongoingRequests / 10)),
              "below the work at replicas",
            );
            assert(decision.target >= Math.floor(target / 2), "more than half at once");
          }
          ({ target } = decision);
          model.observe(1 + (queuedRows % 32), 1 + (queuedRows % 400));
        }
      },
    ),
  );
});

test("more demand never wants fewer replicas (random)", (t) => {
  checkProperty(
    t,
    fc.property(
      fc.double({ min: 0, max: 40_000, noNaN: true }),
      fc.double({ min: 1, max: 3, noNaN: true }),
      (rate, factor) => {
        const wanted = (rowsPerSecond: number): number =>
          new SloPolicy(OBJECTIVE).decide(snapshot({ flat: { rowsPerSecond }, target: 12 })).target;
        assert(wanted(rate * factor) >= wanted(rate));
      },
    ),
  );
});
