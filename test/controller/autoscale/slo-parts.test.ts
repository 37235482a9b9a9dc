// The parts of Shoal's own rule, one at a time, with numbers worked from the formulas. `GPU` is t(b) = 10 + 0.5·b ms, planned
// with five per cent on top; objective 40 ms, of which 2 ms go elsewhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type LoadReading, SloPolicy } from "../../../controller/autoscale/index.ts";
import { CapacityCurve } from "../../../controller/autoscale/slo/capacity-curve.ts";
import { demandOf } from "../../../controller/autoscale/slo/demand.ts";
import { Envelope } from "../../../controller/autoscale/slo/envelope.ts";
import { holdMs, MissesPerStart, RecentMaximum, Regrets } from "../../../controller/autoscale/slo/hold.ts";
import { KeepAlive } from "../../../controller/autoscale/slo/keep-alive.ts";
import { StepLimit } from "../../../controller/autoscale/slo/step-limit.ts";
import { checkProperty } from "../../support/properties.ts";
import { flatLoad, GPU, knownTimes, snapshot } from "./support.ts";

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
    "the same fault, and one stretch of decisions, whatever batches take",
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
  const none = { queuedRows: 0, rowsInTime: 100, startUpMs: 10_000, spareMs: 0, headRoom: 0.8 };
  const step = demandOf(load, none);
  assert.equal(Math.round(step.measuredPerSecond), Math.round(1_600 - 3 * Math.sqrt(1_600 / 0.5)));
  assert.deepEqual([step.windowMs, step.burst], [500, true]);
  const bursty = demandOf({ ...load, dispersion: 2_000 }, none);
  assert.deepEqual([bursty.rowsPerSecond, bursty.windowMs, bursty.burst], [270, 10_000, false]);
  const behind = demandOf(load, { ...none, queuedRows: 2_100 });
  assert.equal(Math.round(behind.backlogPerSecond), 200); // 2000 rows in 10 s
  assert.equal(demandOf(load, { ...none, queuedRows: 2_100, startUpMs: 10 }).backlogPerSecond, 1_000);
});

test("demand: what may wait until replicas would have started needs none, but for a minute's mean", () => {
  const flat = { ...flatLoad(), rowsPerSecond: () => 220 };
  const options = { queuedRows: 0, rowsInTime: 100, startUpMs: 10_000, spareMs: 2_000, headRoom: 0.8 };
  assert.deepEqual(demandOf(flat, options).rowsPerSecond, 220);
  const rise = { ...flat, rowsPerSecond: (windowMs: number) => (windowMs < 60_000 ? 220 : 110) };
  // 2200 rows in 10 s, and as many until a replica that is asked for now is there: 4400 in 22 s are in time.
  assert.equal(Math.round(demandOf({ ...rise, dispersion: 10_000 }, options).rowsPerSecond), 200);
  const slow = demandOf({ ...rise, dispersion: 10_000 }, { ...options, startUpMs: 190_000 });
  assert.equal(Math.round(slow.rowsPerSecond), 218);
});

test("demand: peaks may take up more of the capacity than a minute's mean, and what is told is what was measured", () => {
  const options = { queuedRows: 0, rowsInTime: 100, startUpMs: 10_000, spareMs: 0, headRoom: 1.2 };
  const flat = demandOf({ ...flatLoad(), rowsPerSecond: () => 210, dispersion: 10_000 }, options);
  assert.deepEqual(
    [flat.rowsPerSecond, flat.measuredPerSecond, flat.headRoom, flat.windowMs],
    [240, 210, 1.05, 60_000],
  );
  const rates = (windowMs: number): number => (windowMs < 60_000 ? 250 : 210);
  const peak = demandOf({ ...flatLoad(), rowsPerSecond: rates, dispersion: 10_000 }, options);
  assert.deepEqual(
    [peak.rowsPerSecond, peak.measuredPerSecond, peak.headRoom, peak.windowMs],
    [250, 250, 1.2, 10_000],
  );
  const surge = (windowMs: number): number => (windowMs < 2_000 ? 430 : 210);
  const most = demandOf({ ...flatLoad(), rowsPerSecond: surge, dispersion: 0 }, options);
  assert.deepEqual([Math.round(most.rowsPerSecond), most.measuredPerSecond, most.headRoom], [688, 430, 0.75]);
});

test("demand: a rise to where it has been before is no surge", () => {
  const options = { queuedRows: 0, rowsInTime: 100, startUpMs: 10_000, spareMs: 0, headRoom: 1.2 };
  const rates = (windowMs: number): number => (windowMs < 2_000 ? 430 : 210);
  /** 360 a second for so long until so long ago, 100 otherwise; 430 now. */
  const headRoomAfter = (seconds: number, agoS: number): number => {
    const eachSecond: LoadReading["eachSecond"] = (visit) => {
      for (let ageS = 1; ageS <= 900; ageS++) visit(ageS > agoS && ageS <= agoS + seconds ? 360 : 100, ageS);
    };
    return demandOf({ ...flatLoad(), rowsPerSecond: rates, dispersion: 0, eachSecond }, options).headRoom;
  };
  assert.equal(headRoomAfter(10, 110), 1.2);
  assert.equal(headRoomAfter(10, 10), 1.2);
  assert.equal(headRoomAfter(9, 30), 0.75);
  assert.equal(headRoomAfter(10, 0), 0.75); // it is the rise itself
  assert.equal(headRoomAfter(10, 111), 0.75);
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

test("the hold: break-even, the price of misses, and longer after what was let go too soon, up to eight times", () => {
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
  const afterPauses = (pauseMs: number, count: number): Regrets => {
    const regrets = new Regrets();
    const breakEvenMs = 30_000;
    for (let n = 1; n <= count; n++) {
      regrets.changed(-1, { nowMs: n * 120_000 - pauseMs, breakEvenMs });
      regrets.changed(1, { nowMs: n * 120_000, breakEvenMs });
      regrets.changed(1, { nowMs: n * 120_000 + 1, breakEvenMs }); // one let go is needed again once
    }
    return regrets;
  };
  assert.equal(afterPauses(29_999, 1).stretch(120_000), 1);
  const twice = afterPauses(29_999, 2);
  assert.equal(twice.stretch(240_000), 2);
  assert.equal(twice.stretch(240_000 + 3_600_000), 1);
  assert.equal(afterPauses(29_999, 100).stretch(12_000_000), 8);
  assert.equal(afterPauses(30_000, 100).stretch(12_000_000), 1);
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
