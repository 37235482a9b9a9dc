// The ledger of resources, by example and by random histories.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { detectResources, type ResourceLease, ResourceLedger } from "../../../runtime/core/index.ts";

describe("ResourceLedger", () => {
  it("says what is short, and what can never be", () => {
    const ledger = new ResourceLedger({ num_cpus: 2, memory: 100, license: 1 });
    const first = ledger.tryAcquire({ num_cpus: 1.5, memory: 60 });
    assert(first.kind === "granted");
    const short = ledger.tryAcquire({ num_cpus: 1, memory: 41, license: 1 });
    assert.deepEqual(short, {
      kind: "short",
      shortages: [
        { resource: "num_cpus", needed: 1, free: 0.5, total: 2 },
        { resource: "memory", needed: 41, free: 40, total: 100 },
      ],
      message: "needs 1 num_cpus, 0.5 free of 2; needs 41 memory, 40 free of 100",
    });
    assert.deepEqual(
      ledger.snapshot()["license"],
      { total: 1, free: 1 },
      "nothing of a refused request is taken",
    );
    assert.equal(ledger.tryAcquire({ num_cpus: 4 }).kind, "infeasible");
    assert.equal(ledger.tryAcquire({ num_gpus: 1 }).kind, "infeasible");
    assert.equal(ledger.tryAcquire({ num_gpus: 0 }).kind, "granted");
    first.lease.release();
    first.lease.release();
    assert.equal(ledger.tryAcquire({ num_cpus: 2 }).kind, "granted");
  });

  it("never drifts (invariant 1)", () => {
    const ledger = new ResourceLedger({ num_cpus: 1 });
    for (let time = 0; time < 10; time++) assert.equal(ledger.tryAcquire({ num_cpus: 0.1 }).kind, "granted");
    assert.deepEqual(ledger.snapshot(), { num_cpus: { total: 1, free: 0 } });
    assert.equal(ledger.tryAcquire({ num_cpus: 0.0001 }).kind, "short");
    assert.equal(new ResourceLedger({ num_cpus: 1 }).tryAcquire({ num_cpus: 0.1 + 0.2 }).kind, "granted");
  });

  it("refuses amounts it cannot hold", () => {
    const ledger = new ResourceLedger({ num_cpus: 1, memory: 10 });
    const bad = [-1, Number.NaN, Number.POSITIVE_INFINITY, 0.00001, 1.23456, Number.MAX_SAFE_INTEGER];
    for (const num_cpus of bad) {
      assert.throws(() => ledger.tryAcquire({ num_cpus }), { code: "INVALID_ARGUMENT" }, String(num_cpus));
      assert.throws(() => new ResourceLedger({ num_cpus }), { code: "INVALID_ARGUMENT" }, String(num_cpus));
    }
    assert.throws(() => ledger.tryAcquire({ memory: 0.5 }), {
      code: "INVALID_ARGUMENT",
      message: /whole bytes/,
    });
    assert.equal(new ResourceLedger({ memory: 2 ** 50 }).snapshot()["memory"]?.free, 2 ** 50);
  });

  it("tells of releases, after they are counted, until told to stop", async () => {
    const ledger = new ResourceLedger({ num_cpus: 1 });
    const seen: (number | undefined)[] = [];
    const end = ledger.onRelease(() => seen.push(ledger.snapshot()["num_cpus"]?.free));
    for (let time = 0; time < 2; time++) {
      const acquired = ledger.tryAcquire({ num_cpus: 1 });
      assert(acquired.kind === "granted");
      acquired.lease.release();
      acquired.lease.release();
      await Promise.resolve();
      if (time === 0) end();
    }
    assert.deepEqual(seen, [1]);
  });

  it("is never negative and leaks nothing, whatever happens (invariants 2 and 3)", (test) => {
    const amount = fc.integer({ min: 0, max: 30_000 }).map((units) => units / 10_000);
    const request = fc.record({ num_cpus: amount, custom: amount, memory: fc.nat(50) }, { requiredKeys: [] });
    const step = fc.oneof(request, fc.nat(20));
    const seed = Date.now();
    test.diagnostic(`seed ${seed}`);
    const history = fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const totals = { num_cpus: 4, custom: 2.5, memory: 100 };
      const ledger = new ResourceLedger(totals);
      const full = ledger.snapshot();
      const leases: ResourceLease[] = [];
      const released = new Set<ResourceLease>();
      for (const action of steps) {
        if (typeof action === "number") {
          const lease = leases[action];
          lease?.release();
          if (lease !== undefined) released.add(lease);
        } else {
          const acquired = ledger.tryAcquire(action);
          if (acquired.kind === "granted") leases.push(acquired.lease);
        }
        for (const [resource, { total, free }] of Object.entries(ledger.snapshot())) {
          const held = leases
            .filter((lease) => !released.has(lease))
            .reduce((sum, lease) => sum + Math.round((lease.amounts[resource] ?? 0) * 10_000), 0);
          assert(free >= 0);
          assert.equal(Math.round(free * 10_000), Math.round(total * 10_000) - held);
        }
      }
      for (const lease of leases) lease.release();
      assert.deepEqual(ledger.snapshot(), full);
    });
    fc.assert(history, { seed, numRuns: 300 });
  });
});

describe("detectResources", () => {
  it("finds amounts a ledger can hold", () => {
    const found = detectResources();
    assert((found["num_cpus"] ?? 0) >= 1);
    assert((found["num_gpus"] ?? -1) >= 0);
    assert((found["memory"] ?? 0) > 2 ** 20);
    const free = Object.values(new ResourceLedger(found).snapshot()).map((account) => account.free);
    assert(free.length >= 2);
  });
});
