// Shoal's own rule, one part at a time, with numbers worked from the formulas. `GPU` is t(b) = 10 + 0.5·b ms, planned with
// five per cent on top; objective 40 ms, of which 2 ms go elsewhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type ScalingDecision,
  type ScalingSnapshot,
  SloPolicy,
} from "../../../controller/autoscale/index.ts";
import { CapacityCurve } from "../../../controller/autoscale/slo/capacity-curve.ts";
import { demandOf } from "../../../controller/autoscale/slo/demand.ts";
import { Envelope } from "../../../controller/autoscale/slo/envelope.ts";
import { holdMs, MissesPerStart, RecentMaximum, Reversals } from "../../../controller/autoscale/slo/hold.ts";
import { KeepAlive } from "../../../controller/autoscale/slo/keep-alive.ts";
import { StepLimit } from "../../../controller/autoscale/slo/step-limit.ts";
import { LatencyModel } from "../../../controller/latency-model/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { type FlatLoad, flatLoad, GPU, knownTimes, snapshot, UNKNOWN_TIMES } from "./support.ts";

const OBJECTIVE = { objectiveMs: 40 };

function curve(more: Partial<ConstructorParameters<typeof CapacityCurve>[0]> = {}): CapacityCurve {
  return new CapacityCurve({
    service: GPU,
    objectiveMs: 40,
    maxBatchRows: 64,
    overheadMs: 2,
    gateways: 1,
    headRoom: 0.8,
    lateShare: 0.01,
    arrivalScv: 1,
    ...more,
  });
}

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

test("capacity: b* and N·b*/t(b*), with head-room for batches", () => {
  // N = 4: 38 / 1.25 / 1.05 = 28.95 ms, so b* = 37 and C = 4·37/28.5 ms.
  assert.equal(Math.round(curve().full(4)), 5_193);
  assert.equal(Math.round(curve().usable(4)), 4_154);
  assert.equal(curve().full(0), 0);
  assert.equal(curve().smallest(4_154, 100), 4);
  assert.equal(curve().smallest(4_155, 100), 5);
  assert.equal(curve().smallest(1e9, 100), 100);
  assert.equal(curve().smallest(0, 100), 0);
});

test("capacity where batching gains nothing is Erlang's, and one replica alone is little", () => {
  const cpu = curve({ service: knownTimes({ fixedMs: 0, perRowMs: 20 }), headRoom: 0.7 });
  assert(cpu.full(1) < 25 && cpu.full(1) > 1, `${cpu.full(1)}`);
  assert(cpu.full(8) / 8 > 1.5 * cpu.full(1));
});

test("an objective below one row is said, and the nearest that can be met is planned with", () => {
  const tight = curve({ objectiveMs: 8 });
  assert.equal(tight.missesObjective, true);
  assert.equal(Math.round(tight.objectiveMs), 39); // 3 · (11.025 + 2)
  const decision = new SloPolicy({ objectiveMs: 8 }).decide(snapshot({ flat: { rowsPerSecond: 5_000 } }));
  assert(decision.fault?.includes("below the time of one row"));
  const slower = { flat: { rowsPerSecond: 5_000 }, service: knownTimes({ fixedMs: 11, perRowMs: 1 }) };
  const later = new SloPolicy({ objectiveMs: 8 }).decide(snapshot(slower));
  assert.equal(
    later.fault,
    decision.fault,
    "the same fault, and one stretch of decisions, whatever the batches take",
  );
  assert(decision.target > 3 && decision.target < 10);
});

test("more replicas never have less usable capacity (random)", (t) => {
  const values = fc.record({
    fixedMs: fc.double({ min: 0, max: 50, noNaN: true }),
    perRowMs: fc.double({ min: 0.05, max: 30, noNaN: true }),
    objectiveMs: fc.double({ min: 3, max: 500, noNaN: true }),
    maxBatchRows: fc.integer({ min: 1, max: 128 }),
    arrivalScv: fc.double({ min: 1, max: 10, noNaN: true }),
  });
  checkProperty(
    t,
    fc.property(values, ({ fixedMs, perRowMs, ...rest }) => {
      const some = curve({ service: knownTimes({ fixedMs, perRowMs }), ...rest });
      for (let replicas = 1; replicas < 40; replicas++) {
        assert(some.usable(replicas) >= some.usable(replicas - 1) * (1 - 1e-6), `at ${replicas}`);
        assert(some.usable(replicas) <= some.full(replicas));
      }
    }),
  );
});

test("demand: the fast window has to clear chance, the backlog comes on top", () => {
  const rates = new Map([
    [500, 1_600],
    [1_000, 900],
    [2_000, 550],
    [10_000, 270],
    [60_000, 210],
  ]);
  const load = { ...flatLoad(), rowsPerSecond: (windowMs: number) => rates.get(windowMs) ?? 0 };
  const none = { queuedRows: 0, rowsInTime: 100, startUpMs: 10_000, spareMs: 0 };
  const step = demandOf(load, none);
  assert.equal(Math.round(step.rowsPerSecond), Math.round(1_600 - 3 * Math.sqrt(1_600 / 0.5)));
  assert.deepEqual([step.windowMs, step.burst], [500, true]);
  const bursty = demandOf({ ...load, dispersion: 2_000 }, none);
  assert.deepEqual([bursty.rowsPerSecond, bursty.windowMs, bursty.burst], [270, 10_000, false]);
  const behind = demandOf(load, { ...none, queuedRows: 2_100 });
  assert.equal(Math.round(behind.backlogPerSecond), 200); // 2000 rows in 10 s
  assert.equal(demandOf(load, { ...none, queuedRows: 2_100, startUpMs: 10 }).backlogPerSecond, 1_000);
});

test("demand: what may wait until replicas would have started needs none, but for a minute's mean", () => {
  const flat = { ...flatLoad(), rowsPerSecond: () => 220 };
  const options = { queuedRows: 0, rowsInTime: 100, startUpMs: 10_000, spareMs: 2_000 };
  assert.deepEqual(demandOf(flat, options).rowsPerSecond, 220);
  const rise = { ...flat, rowsPerSecond: (windowMs: number) => (windowMs < 60_000 ? 220 : 110) };
  // 2200 rows in 10 s, and as many until a replica that is asked for now is there: 4400 in 22 s are in time.
  assert.equal(Math.round(demandOf({ ...rise, dispersion: 10_000 }, options).rowsPerSecond), 200);
  const slow = demandOf({ ...rise, dispersion: 10_000 }, { ...options, startUpMs: 190_000 });
  assert.equal(Math.round(slow.rowsPerSecond), 218);
});

test("the time to spare is what a full batch and the wait for a replica leave", () => {
  const of = (objectiveMs: number): number =>
    curve({
      service: knownTimes({ fixedMs: 100, perRowMs: 20 }),
      objectiveMs,
      maxBatchRows: 10,
      overheadMs: 0,
    }).spareMs(4);
  assert(Math.abs(of(2_000) - (2_000 - 1.25 * 1.05 * 300)) < 1, `${of(2_000)}`);
  // No more than fits into the objective is taken for a full batch.
  assert(of(200) >= 0 && of(200) < 35, `${of(200)}`);
});

test("the envelope keeps what short bursts need, and nothing for a level that was left (invariant 1)", () => {
  const options = { nowMs: 1_000, startUpMs: 10_000, holdMs: 30_000, max: 100 };
  const burst = Array.from({ length: 900 }, (_, age) => (age % 100 < 6 ? 12_000 : 100));
  assert(new Envelope(0.01).replicas(flatLoad({ seconds: burst }), curve(), options) >= 7);
  const left = Array.from({ length: 900 }, (_, age) => (age >= 100 && age < 700 ? 12_000 : 100));
  assert.equal(new Envelope(0.01).replicas(flatLoad({ seconds: left }), curve(), options), 0);
  assert.equal(new Envelope(0.01).replicas(flatLoad({ seconds: [] }), curve(), options), 0);
});

test("the envelope's ε falls with misses and rises without, every ten seconds (invariants 2 and 3)", () => {
  const envelope = new Envelope(0.01);
  const at = (nowMs: number, missedShare: number): number => {
    const load = flatLoad({ rowsPerSecond: 100, missedShare });
    envelope.replicas(load, curve(), { nowMs, startUpMs: 1_000, holdMs: 30_000, max: 10 });
    return envelope.tolerance;
  };
  assert.equal(at(0, 0.5), 0.2);
  assert.equal(at(9_999, 0.5), 0.2);
  assert.equal(at(10_000, 0.5), 0.06);
  assert.equal(at(15_000, 0.5), 0.06);
  assert.equal(at(20_000, 0.01), 0.06 * 1.01);
  for (let n = 3; n < 20; n++) at(n * 10_000, 1);
  assert.equal(envelope.tolerance, 0.001);
});

test("the hold: break-even, the price of misses, and longer after reversals", () => {
  assert.equal(holdMs(10_000, { missCostMs: 0, stretch: 1 }), 30_000);
  assert.equal(holdMs(60_000, { missCostMs: 5_000, stretch: 2 }), 130_000);
  assert.equal(holdMs(600_000, { missCostMs: 0, stretch: 8 }), 900_000);
  const misses = new MissesPerStart();
  misses.started(3, 100, 10_000);
  misses.started(1, 150, 12_000);
  misses.observe(300, 9_999);
  assert.equal(misses.mean, 0);
  misses.observe(300, 10_000);
  assert.equal(misses.mean, 0.3 * 50); // 200 misses for four replicas
  const reversals = new Reversals();
  for (let n = 0; n < 5; n++) reversals.changed(n % 2 === 0 ? 1 : -1, n * 60_000);
  assert.equal(reversals.stretch(240_000), 2);
  assert.equal(reversals.stretch(240_000 + 3_600_000), 1);
  const seldom = new Reversals();
  for (let n = 0; n < 9; n++) seldom.changed(n % 2 === 0 ? 1 : -1, n * 400_000);
  assert.equal(seldom.stretch(3_600_000), 1);
});

test("the recent maximum is that of the window (random)", (t) => {
  checkProperty(
    t,
    fc.property(
      fc.array(fc.tuple(fc.nat(5_000), fc.nat(9)), { minLength: 1 }),
      fc.integer({ min: 1, max: 60_000 }),
      (adds, windowMs) => {
        const recent = new RecentMaximum();
        const all: { atMs: number; value: number }[] = [];
        let nowMs = 0;
        for (const [waitMs, value] of adds) {
          recent.add(value, (nowMs += waitMs));
          all.push({ atMs: nowMs, value });
        }
        const within = all.filter(({ atMs }) => nowMs - atMs < windowMs).map(({ value }) => value);
        assert.equal(recent.over(windowMs, nowMs).value, Math.max(...within));
      },
    ),
  );
});

test("a step is bounded per half second, and ×8 goes through within one", () => {
  const steps = new StepLimit();
  assert.equal(steps.limit(1_000, 10, 0), 40);
  assert.equal(steps.limit(1_000, 40, 499), 40);
  assert.equal(steps.limit(80, 40, 500), 80);
  assert.equal(steps.limit(0, 80, 1_000), 40);
  assert.equal(new StepLimit().limit(30, 0, 0), 8);
  assert.equal(new StepLimit().limit(0, 1, 0), 0);
});

test("the keep-alive covers the usual pause, and does not wait for pauses it cannot cover", () => {
  const learnt = (pauseMs: number): number => {
    const keepAlive = new KeepAlive(600_000);
    for (let n = 0; n < 12; n++) {
      keepAlive.observe(0);
      keepAlive.observe(pauseMs);
    }
    keepAlive.observe(0);
    return keepAlive.keepAliveMs(30_000);
  };
  assert.equal(new KeepAlive(600_000).keepAliveMs(30_000), 600_000);
  assert.equal(Math.round(learnt(150_000)), 198_000); // the third minute, and a tenth
  assert.equal(learnt(1_200_000), 30_000);
  assert.equal(learnt(5_000), 600_000); // no pauses
});

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
