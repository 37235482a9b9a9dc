// Capacity within an objective, against the numbers worked in the reference.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  batchCapacity,
  feasibleRows,
  type ServiceTimes,
  singleCapacity,
} from "../../../controller/latency-model/index.ts";
import { erlangC, pooledCapacity } from "../../../controller/latency-model/erlang.ts";
import { checkProperty } from "../../support/properties.ts";

/** Known to the digit, without a margin. */
function exact(fixedMs: number, perRowMs: number): ServiceTimes {
  const meanMs = (rows: number): number => fixedMs + perRowMs * rows;
  return {
    meanMs,
    predictMs: meanMs,
    maxRowsWithin: (budgetMs, limit) =>
      Math.max(0, Math.min(limit, Math.floor((budgetMs - fixedMs) / perRowMs + 1e-9))),
    noise: 0,
  };
}

test("b* and C(N) with one queue and with several (§2.2: 11.5 k, 10.0 k, 8.0 k rows/s)", () => {
  const gpu = exact(10, 0.5);
  const at = (gateways: number) => ({ replicas: 8, objectiveMs: 40, maxRows: 1_000, gateways });
  assert.equal(feasibleRows(gpu, at(1)), 51); // (40 / 1.125 − 10) / 0.5
  assert.equal(Math.round(batchCapacity(gpu, at(1))), 11_493);
  assert.equal(Math.round(batchCapacity(gpu, at(4))), 9_962);
  assert.equal(Math.round(batchCapacity(gpu, at(8))), 8_000);
  assert.equal(Math.round(batchCapacity(gpu, at(99))), 8_000);
});

test("an objective below one row has no capacity in batches, nor has no replica", () => {
  assert.equal(batchCapacity(exact(10, 0.5), { replicas: 8, objectiveMs: 10, maxRows: 64 }), 0);
  assert.equal(batchCapacity(exact(10, 0.5), { replicas: 0, objectiveMs: 40, maxRows: 64 }), 0);
});

test("Erlang's C by the book", () => {
  assert(Math.abs(erlangC(1, 0.5) - 0.5) < 1e-12); // M/M/1: ρ
  assert(Math.abs(erlangC(2, 1) - 1 / 3) < 1e-12);
  assert(Math.abs(erlangC(5, 4) - 0.5541) < 1e-4);
  assert.equal(erlangC(3, 3), 1);
});

test("one by one, a pool gets through more per replica than one does", () => {
  const limits = { serviceMs: 20, waitMs: 10, lateShare: 0.01, arrivalScv: 1, serviceScv: 0 };
  const per = (replicas: number): number => pooledCapacity(replicas, limits) / replicas;
  assert(per(1) < 0.1 * 50);
  assert(per(8) > 0.55 * 50 && per(8) < 50);
  assert(per(64) > 0.85 * 50 && per(64) < 50);
  assert.equal(per(640), per(64));
  const times = exact(0, 20);
  const options = { replicas: 8, objectiveMs: 30, maxRows: 32 };
  assert.equal(singleCapacity(times, options, limits), pooledCapacity(8, limits));
  assert.equal(singleCapacity(times, { ...options, objectiveMs: 19 }, limits), 0);
});

test("more replicas, more time or larger batches never have less capacity (random)", (t) => {
  const values = fc.record({
    fixedMs: fc.double({ min: 0, max: 100, noNaN: true }),
    perRowMs: fc.double({ min: 0.01, max: 50, noNaN: true }),
    objectiveMs: fc.double({ min: 1, max: 1_000, noNaN: true }),
    replicas: fc.integer({ min: 0, max: 200 }),
    maxRows: fc.integer({ min: 1, max: 256 }),
  });
  checkProperty(
    t,
    fc.property(values, ({ fixedMs, perRowMs, objectiveMs, replicas, maxRows }) => {
      const times = exact(fixedMs, perRowMs);
      const options = { replicas, objectiveMs, maxRows };
      const limits = { lateShare: 0.01, arrivalScv: 1, serviceScv: 0.01 };
      const both = (more: Partial<typeof options>): readonly [number, number] => [
        batchCapacity(times, { ...options, ...more }),
        singleCapacity(times, { ...options, ...more }, limits),
      ];
      const base = both({});
      for (const more of [
        { replicas: replicas + 1 },
        { objectiveMs: objectiveMs * 1.1 },
        { maxRows: maxRows + 1 },
      ]) {
        const [batched, single] = both(more);
        assert(Number.isFinite(batched) && batched >= base[0] * (1 - 1e-9), "batches");
        assert(Number.isFinite(single) && single >= base[1] * (1 - 1e-6), "one by one");
      }
    }),
  );
});
