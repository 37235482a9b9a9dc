// What the door forecasts: on replicas that are free at known times, with a learnt line of 10 + 1·b ms.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Arrivals } from "../../../controller/dispatch/arrivals.ts";
import { Batch } from "../../../controller/dispatch/batch.ts";
import type { Place } from "../../../controller/dispatch/fair-band.ts";
import { type ForecastParts, forecastMs } from "../../../controller/dispatch/forecast.ts";
import { ArrivalMix } from "../../../controller/dispatch/mix.ts";
import type { Claim } from "../../../controller/dispatch/policy.ts";
import { ServiceRecord } from "../../../controller/dispatch/service-record.ts";
import { Slot } from "../../../controller/dispatch/slot.ts";
import { FakeReplica } from "../../support/fake-replica.ts";
import { POLICY } from "./support.ts";

const NOW_MS = 1_000;
const OBJECTIVE_MS = 100;
const MAX_BATCH = 10;
const policy = { ...POLICY, maxBatchSize: MAX_BATCH, maxConcurrentBatches: 1, objectiveMs: OBJECTIVE_MS };

const BESIDE = 3;

interface Case {
  /** How long each replica is still busy; 0 for one that is idle. */
  readonly busyMs: readonly number[];
  /** Of user code: for each replica, how long each of its batches still runs; it runs `BESIDE` at once. */
  readonly besideMs?: readonly (readonly number[])[];
  readonly place?: Partial<Place>;
  readonly overloaded?: boolean;
  readonly mix?: ArrivalMix;
  readonly claim?: Claim;
}

function forecast({
  busyMs,
  besideMs,
  place = {},
  overloaded = true,
  mix = new ArrivalMix(),
  claim = {},
}: Case): number {
  const running = besideMs ?? busyMs.map((ms) => (ms > 0 ? [ms] : []));
  const slots = running
    .filter((ends) => ends.length > 0)
    .toSorted((a, b) => Math.min(...a) - Math.min(...b))
    .map(slotOf);
  const idle = running.length - slots.length;
  const batches = running.reduce((sum, ends) => sum + ends.length, 0);
  const service = new ServiceRecord();
  for (let batch = 0; batch < 400; batch++)
    service.model.observe(1 + (batch % MAX_BATCH), 11 + (batch % MAX_BATCH));
  const arrivals = new Arrivals();
  for (let request = 0; request < 400; request++) arrivals.ended(overloaded);
  arrivals.add(1e6, NOW_MS); // far more than can be done
  const parts: ForecastParts = {
    queue: {
      placeOf: () => ({ above: 0, turnIn: Number.POSITIVE_INFINITY, own: 0, share: 1, beside: 0, ...place }),
    },
    pool: {
      usable: running.length,
      idle,
      ready: idle,
      room: besideMs === undefined ? idle : BESIDE * running.length - batches,
      nextFree: slots[0],
      nextToBeFree: (count) => slots.slice(0, count),
    },
    service,
    arrivals,
    mix,
  };
  const ofUserCode = { parallel: true, maxConcurrentBatches: BESIDE, maxOngoingRequests: BESIDE * MAX_BATCH };
  const own = besideMs === undefined ? policy : { ...policy, ...ofUserCode };
  return forecastMs(parts, own, { rows: 1, claim, nowMs: NOW_MS, dueMs: NOW_MS + OBJECTIVE_MS });
}

/** A replica whose batches still run for so long. */
function slotOf(busyMs: readonly number[], order: number): Slot {
  const slot = new Slot(new FakeReplica(), order);
  for (const ms of busyMs) slot.batches.push(Object.assign(new Batch([], NOW_MS), { endsAtMs: NOW_MS + ms }));
  return Object.assign(slot, { freeAtMs: NOW_MS + Math.min(...busyMs) });
}

/** Within what the plan adds at overload: a few per cent. */
function assertAbout(actual: number, wanted: number): void {
  assert(
    actual >= wanted - 1e-6 && actual <= 1.1 * wanted,
    `found ${actual}, wanted ${wanted} or a little more`,
  );
}

function mixOf(perSecond: number, claim: Claim & { readonly band?: number }): ArrivalMix {
  const mix = new ArrivalMix();
  const { band = 1, tenant = "" } = claim;
  const everyMs = 1_000 / perSecond;
  for (let atMs = -9_000; atMs < NOW_MS; atMs += everyMs) mix.add(band, tenant, { rows: 1, nowMs: atMs });
  return mix;
}

describe("the forecast at overload", () => {
  it("runs full batches one after the other, as replicas are free (invariant 3)", () => {
    const busyMs = [5, 9, 14];
    assertAbout(forecast({ busyMs }), 5 + 11);
    assertAbout(forecast({ busyMs, place: { own: 9 } }), 5 + 20);
    assertAbout(forecast({ busyMs, place: { own: 10 } }), 9 + 11);
    assertAbout(forecast({ busyMs, place: { own: 25 } }), 14 + 16);
    assertAbout(forecast({ busyMs, place: { own: 30 } }), 5 + 20 + 11);
  });

  it("knows that a low priority is next after so many batches of others, whatever comes above it", () => {
    const claim: Claim = { priority: "low" };
    const place = { above: 1_000 };
    const mix = mixOf(10_000, { band: 0 });
    assertAbout(forecast({ busyMs: [5], claim, mix, place: { ...place, turnIn: 2 } }), 5 + 2 * 20 + 11);
    assertAbout(forecast({ busyMs: [5], claim, mix, place: { ...place, turnIn: 0 } }), 5 + 11);
    const calm = forecast({ busyMs: [5], claim, overloaded: false, place: { ...place, turnIn: 0 } });
    assert(Math.abs(calm - 16) < 0.1, `found ${calm}`);
  });

  it("begins at once where a replica is idle", () => {
    assertAbout(forecast({ busyMs: [0, 50] }), 11);
    assertAbout(forecast({ busyMs: [0, 50], place: { own: 10 } }), 50 + 11);
  });

  it("knows when each of the batches that user code runs beside each other is done", () => {
    const besideMs = [
      [5, 30, 40],
      [9, 10, 20],
    ];
    const busyMs: number[] = [];
    assertAbout(forecast({ busyMs, besideMs }), 5 + 11);
    assertAbout(forecast({ busyMs, besideMs, place: { own: 10 } }), 9 + 11);
    assertAbout(forecast({ busyMs, besideMs, place: { own: 20 } }), 10 + 11);
    assertAbout(forecast({ busyMs, besideMs, place: { own: 59 } }), 40 + 20);
    // All of them once, and the first a second time.
    assertAbout(forecast({ busyMs, besideMs, place: { own: 60 } }), 5 + 20 + 11);
    assertAbout(forecast({ busyMs, besideMs: [[5, 30], [9]], place: { own: 29 } }), 20);
    assertAbout(forecast({ busyMs, besideMs: [[5, 30], [9]], place: { own: 30 } }), 5 + 11);
  });

  it("counts on those of its own who come while it waits, and on nobody else", () => {
    assertAbout(forecast({ busyMs: [20], mix: mixOf(200, {}) }), 20 + 15);
    assertAbout(forecast({ busyMs: [20], mix: mixOf(200, { tenant: "another" }) }), 20 + 11);
  });

  it("lets those of a higher priority who come meanwhile go first", () => {
    const place = { own: 21 };
    const alone = forecast({ busyMs: [1, 6], place });
    // Two replicas get through 1,000 rows a second.
    const beside = forecast({ busyMs: [1, 6], place, mix: mixOf(500, { band: 0 }) });
    assertAbout(alone, 21 + 12);
    assertAbout(beside, 41 + 12);
    assert.equal(forecast({ busyMs: [1, 6], place, mix: mixOf(500, { band: 2 }) }), alone);
  });

  it("leaves a tenant its share, however much others ask for", () => {
    const place = { own: 10, share: 0.5, beside: 1_000 };
    const claim = { tenant: "small" };
    const flooded = forecast({ busyMs: [1, 11], place, claim, mix: mixOf(5_000, { tenant: "flood" }) });
    assertAbout(flooded, 21 + 11);
    const beside = forecast({ busyMs: [1, 11], place, claim, mix: mixOf(200, { tenant: "other" }) });
    assertAbout(beside, 11 + 11);
  });

  it("reckons with even intervals where replicas are many (invariant 1)", () => {
    const busyMs = Array.from({ length: 100 }, (_, index) => 1 + index / 5);
    const ms = forecast({ busyMs, place: { own: 500 } });
    assertAbout(ms, 1 + 50 / 5 + 11);
  });
});

describe("the forecast below overload", () => {
  it("is the least to be hoped for, by the mean (invariant 2)", () => {
    const overloaded = false;
    const about = (ms: number, wanted: number): void =>
      assert(Math.abs(ms - wanted) < 0.1, `${ms}, ${wanted}`);
    about(forecast({ busyMs: [5, 9], overloaded }), 5 + 11);
    about(forecast({ busyMs: [0, 9], overloaded }), 11);
    // All of them and itself, spread over both as of the first that is free.
    about(forecast({ busyMs: [5, 9], overloaded, place: { own: 10 } }), 5 + 16);
    about(forecast({ busyMs: [5, 9], overloaded, place: { own: 10, share: 0.5, beside: 3 } }), 5 + 17);
    about(forecast({ busyMs: [5, 9], overloaded, place: { above: 19 } }), 5 + 20);
    about(forecast({ busyMs: [5, 9], overloaded, place: { above: 20 } }), 5 + 20 + 11);
  });
});

describe("the mix of arrivals", () => {
  it("knows each tenant's and each priority's rate, and forgets", () => {
    const mix = mixOf(100, { band: 0, tenant: "a" });
    for (let atMs = 0; atMs < NOW_MS; atMs += 20) mix.add(0, "b", { rows: 2, nowMs: atMs });
    const near = (rate: number, wanted: number): void =>
      assert(Math.abs(rate - wanted) < 0.05 * wanted, `${rate}, wanted ${wanted}`);
    near(mix.of(0, "a", NOW_MS), 100);
    near(mix.beside(0, "b", NOW_MS), 100);
    near(mix.above(1, NOW_MS), 100 + 100 * (1 - Math.exp(-1)));
    assert.equal(mix.above(0, NOW_MS), 0);
    assert(mix.of(0, "a", NOW_MS + 10_000) < 0.1);
  });

  it("remembers no more tenants than it must", () => {
    const mix = new ArrivalMix();
    for (let tenant = 0; tenant < 20_000; tenant++) mix.add(1, `t${tenant}`, { rows: 1, nowMs: tenant });
    assert(mix.of(1, "t19999", 20_000) > 0.9);
    assert.equal(mix.of(1, "t0", 20_000), 0);
  });
});
