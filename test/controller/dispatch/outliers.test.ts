// Replicas that are worse than their siblings get no batches for a while: who, how long, how many at most.

import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import * as fc from "fast-check";
import type { DispatcherOptions, DispatchPolicy, Ejection } from "../../../controller/dispatch/index.ts";
import {
  comingBack,
  ejectionMs,
  isForgiven,
  mayEject,
  outlierReason,
  type OutlierPolicy,
} from "../../../controller/dispatch/outliers.ts";
import { type ErrorCode, ShoalError } from "../../../runtime/base/index.ts";
import type { FakeReplica } from "../../support/fake-replica.ts";
import { checkAsyncProperty, checkProperty } from "../../support/properties.ts";
import { Desk, quiet } from "./support.ts";

const OUTLIERS: OutlierPolicy = {
  consecutiveFailures: 5,
  minResults: 20,
  maxLatencyRatio: 5,
  baseEjectionMs: 30_000,
  maxEjectionMs: 100_000,
  maxEjectedShare: 0.2,
};

const NONE = { all: 0, failed: 0, slow: 0 };

describe("what is an outlier", () => {
  const row = (result: "good" | "failed" | "slow", length: number) => ({ result, length });

  it("five failures in a row while the others do well, or nothing is known of them", () => {
    const others = { all: 40, failed: 2, slow: 0 };
    const results = { own: NONE, others };
    assert.equal(outlierReason(row("failed", 4), results, OUTLIERS), undefined);
    assert.match(outlierReason(row("failed", 5), results, OUTLIERS) ?? "", /^5 failures in a row, 5 %/);
    assert.notEqual(outlierReason(row("failed", 5), { own: NONE, others: NONE }, OUTLIERS), undefined);
  });

  it("not what is bad everywhere (invariant 1); a longer row stands out among more failures", () => {
    const others = (failed: number) => ({ own: NONE, others: { all: 100, failed, slow: failed } });
    assert.equal(outlierReason(row("failed", 5), others(50), OUTLIERS), undefined);
    assert.notEqual(outlierReason(row("failed", 20), others(50), OUTLIERS), undefined);
    assert.equal(outlierReason(row("failed", 1_000), others(100), OUTLIERS), undefined);
    assert.equal(outlierReason(row("slow", 1_000), others(100), OUTLIERS), undefined);
  });

  it("ten slow answers in a row, only beside others to compare with", () => {
    const others = { all: 40, failed: 0, slow: 0 };
    assert.equal(outlierReason(row("slow", 9), { own: NONE, others }, OUTLIERS), undefined);
    assert.match(outlierReason(row("slow", 10), { own: NONE, others }, OUTLIERS) ?? "", /^10 slow answers/);
    assert.equal(outlierReason(row("slow", 10), { own: NONE, others: NONE }, OUTLIERS), undefined);
  });

  it("a larger share of failures than the others', by more than chance", () => {
    const compare = (failed: number, all = 100) =>
      outlierReason(
        row("failed", 1),
        { own: { all, failed, slow: 0 }, others: { all: 300, failed: 3, slow: 0 } },
        OUTLIERS,
      );
    assert.match(compare(30) ?? "", /^30 % failures, 1 % of the others' results$/);
    assert.equal(compare(8), undefined, "too little to matter");
    assert.equal(compare(10, 19), undefined, "too little is known");
  });

  const results = fc
    .record({ all: fc.integer({ min: 1, max: 500 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
    .map(({ all, share }) => ({ all, failed: all * share, slow: all * share }));

  test("no share of failures at or below the others' is one (random)", (t) => {
    checkProperty(
      t,
      fc.property(results, results, (own, others) => {
        fc.pre(own.failed / own.all <= others.failed / others.all);
        assert.equal(outlierReason(row("failed", 1), { own, others }, OUTLIERS), undefined);
      }),
    );
  });

  test("ejections grow up to their bound (random; invariant 3)", (t) => {
    checkProperty(
      t,
      fc.property(fc.integer({ min: 1, max: 60 }), (times) => {
        const [ms, next] = [ejectionMs(times, OUTLIERS), ejectionMs(times + 1, OUTLIERS)];
        assert(ms >= OUTLIERS.baseEjectionMs && next >= ms && next <= OUTLIERS.maxEjectionMs);
        assert(next === 2 * ms || next === OUTLIERS.maxEjectionMs);
      }),
    );
    assert.equal(isForgiven({ result: "good", length: 49 }, 60_000, OUTLIERS), false);
    assert.equal(isForgiven({ result: "good", length: 50 }, 29_999, OUTLIERS), false);
    assert.equal(isForgiven({ result: "good", length: 50 }, 30_000, OUTLIERS), true);
  });

  test("who comes back leaves no more out than may be, and none when nobody else is left (random; invariant 2)", (t) => {
    const ejected = fc.array(fc.record({ untilMs: fc.integer({ min: 0, max: 100 }) }), { maxLength: 8 });
    checkProperty(
      t,
      fc.property(ejected, fc.nat(20), fc.nat(8), fc.nat(100), (out, more, usable, nowMs) => {
        const size = out.length + more + usable;
        const back = comingBack(out, { size, usable, nowMs }, OUTLIERS);
        const left = out.filter((one) => !back.includes(one));
        assert(left.length <= Math.max(1, Math.floor(size * OUTLIERS.maxEjectedShare)));
        assert(left.every(({ untilMs }) => untilMs > nowMs));
        assert(usable + back.length > 0 || out.length === 0);
        const early = back.filter(({ untilMs }) => untilMs > nowMs);
        if (early.length > 0) assert(left.every(({ untilMs }) => untilMs >= (early.at(-1)?.untilMs ?? 0)));
      }),
    );
    assert.equal(mayEject({ size: 2, ejected: 0, left: 1 }, OUTLIERS), true, "one always may be");
    assert.equal(mayEject({ size: 1, ejected: 0, left: 0 }, OUTLIERS), false, "the last one may not");
    assert.equal(mayEject({ size: 9, ejected: 1, left: 8 }, OUTLIERS), false, "more than a fifth may not");
  });
});

class Pool {
  readonly ejections: Ejection[] = [];
  readonly desk: Desk;
  readonly replicas: FakeReplica[] = [];

  constructor(replicas: number, policy: Partial<DispatchPolicy> = {}, outliers: Partial<OutlierPolicy> = {}) {
    const onEjected: DispatcherOptions["onEjected"] = (ejection) => this.ejections.push(ejection);
    const all = { maxConcurrentBatches: 1, outliers: { ...OUTLIERS, ...outliers }, ...policy };
    this.desk = new Desk(all, { onEjected });
    for (let index = 0; index < replicas; index++) this.replicas.push(this.add(`r#${index}`));
  }

  add(id: string): FakeReplica {
    const replica = this.desk.replica(id);
    replica.hold = false;
    return replica;
  }

  /** So many requests, one after the other: each goes to the oldest replica that is in use. */
  async ask(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      this.desk.submit([index]);
      await quiet();
    }
  }

  /** Batches that each replica got since the last look. */
  taken(): number[] {
    return this.replicas.map(({ received }) => received.splice(0).length);
  }
}

function fails(code: ErrorCode = "ENGINE_FAILED"): ShoalError {
  return new ShoalError(code, "out of order");
}

describe("a replica whose results are bad", () => {
  it("gets nothing for a while, each time longer, and is forgiven after many good results", async () => {
    const pool = new Pool(3);
    const [first] = pool.replicas;
    assert(first);
    first.fail = fails();
    await pool.ask(8);
    assert.deepEqual(pool.taken(), [5, 3, 0]);
    const [one] = pool.ejections;
    assert.deepEqual([one?.replicaId, one?.times, one?.forMs], ["r#0", 1, 30_000]);
    assert.deepEqual(pool.desk.dispatcher.outliers, [
      { replicaId: "r#0", times: 1, ejected: true, reason: one?.reason },
    ]);
    pool.desk.clock.advance(29_999);
    await pool.ask(1);
    assert.deepEqual(pool.taken(), [0, 1, 0]);
    pool.desk.clock.advance(1);
    await pool.ask(6);
    assert.deepEqual(pool.taken(), [5, 1, 0]);
    assert.deepEqual(
      pool.ejections.map(({ forMs }) => forMs),
      [30_000, 60_000],
    );
    first.fail = undefined;
    pool.desk.clock.advance(60_000);
    await pool.ask(50);
    assert.equal(pool.desk.dispatcher.outliers[0]?.times, 2);
    pool.desk.clock.advance(30_000);
    await pool.ask(1);
    assert.deepEqual(pool.desk.dispatcher.outliers, []);
    assert.deepEqual(pool.taken(), [51, 0, 0]);
  });

  it("stays when it is the last, and when all are bad (invariants 1 and 2)", async () => {
    const alone = new Pool(1);
    for (const replica of alone.replicas) replica.fail = fails();
    await alone.ask(40);
    assert.deepEqual(alone.ejections, []);
    const all = new Pool(3);
    for (const replica of all.replicas) replica.fail = fails();
    await all.ask(100);
    assert.equal(all.ejections.length, 1, "the first one, before anything was known of the others");
  });

  it("is in use again at once when the others go", async () => {
    const pool = new Pool(2);
    const [first] = pool.replicas;
    assert(first);
    first.fail = fails();
    await pool.ask(5);
    first.fail = undefined;
    pool.taken();
    pool.desk.dispatcher.removeReplica("r#1");
    await pool.ask(2);
    assert.deepEqual(pool.taken(), [2, 0]);
    assert.equal(pool.desk.clock.pending, 0, "no timer waits for its return");
  });

  it("is not judged by what is the request's own fault, nor by what it did not run", async () => {
    const pool = new Pool(2);
    const [first] = pool.replicas;
    assert(first);
    first.fail = fails("INVALID_ARGUMENT");
    await pool.ask(20);
    first.fail = fails("CANCELLED");
    await pool.ask(20);
    first.fail = undefined;
    first.refuse = fails("LATEST_START_PASSED");
    await pool.ask(20);
    assert.deepEqual(pool.ejections, []);
  });

  it("is one that fails now and then, while the others do not", async () => {
    const pool = new Pool(2, { maxConcurrentBatches: 2 });
    const [first] = pool.replicas;
    assert(first);
    let count = 0;
    first.fail = () => (++count % 3 === 0 ? fails() : undefined);
    for (let round = 0; round < 60 && pool.ejections.length === 0; round++) {
      for (const replica of pool.replicas) replica.hold = true;
      pool.desk.submit([1], { name: "x" });
      await quiet();
      pool.desk.submit([2], { name: "y" });
      await quiet();
      for (const replica of pool.replicas) replica.releaseAll();
      await quiet();
    }
    assert.match(pool.ejections.at(0)?.reason ?? "", /^3\d % failures, 0 % of the others' results$/);
  });

  it("is one that is slow all the time, while the others are not", async () => {
    const pool = new Pool(3);
    const [first, second] = pool.replicas;
    assert(first && second);
    const round = async (firstMs: number): Promise<void> => {
      for (const replica of pool.replicas) replica.hold = true;
      pool.desk.submit([1], { name: "x" });
      pool.desk.submit([2], { name: "y" });
      pool.desk.submit([3], { name: "z" });
      await quiet();
      pool.desk.clock.advance(10);
      for (const replica of pool.replicas.slice(1)) replica.releaseAll();
      await quiet();
      pool.desk.clock.advance(firstMs - 10);
      first.releaseAll();
      await quiet();
    };
    for (let index = 0; index < 20; index++) await round(10);
    assert.equal(pool.ejections.length, 0);
    for (let index = 0; index < 10; index++) await round(100);
    assert.match(pool.ejections[0]?.reason ?? "", /^10 slow answers in a row/);
  });
});

test("whatever the replicas do, no more are out than may be, and all requests settle (random)", async (t) => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("ask"), count: fc.integer({ min: 1, max: 8 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("turn"),
        at: fc.nat(7),
        to: fc.constantFrom("good", "bad", "lost"),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("advance"), byMs: fc.nat(40_000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("add", "remove", "restore"), at: fc.nat(7) }) },
  );
  await checkAsyncProperty(
    t,
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { maxLength: 30 }),
      async (size, steps) => {
        const pool = new Pool(size, {}, { consecutiveFailures: 2, maxEjectedShare: 0.4 });
        const { dispatcher, clock } = pool.desk;
        const live = new Map(pool.replicas.map((replica) => [replica.id, replica]));
        const pick = (at: number): FakeReplica | undefined => [...live.values()][at % Math.max(1, live.size)];
        const tickets: Promise<unknown>[] = [];
        let made = size;
        for (const one of steps) {
          if (one.do === "ask" && "count" in one) {
            for (let index = 0; index < one.count; index++) tickets.push(pool.desk.submit([index]).result);
          } else if (one.do === "advance" && "byMs" in one) clock.advance(one.byMs);
          else if (one.do === "add") {
            const id = `r#${made++}`;
            live.set(id, pool.add(id));
          } else if ("at" in one) {
            const replica = pick(one.at);
            if (replica === undefined) continue;
            if (one.do === "remove" && live.size > 1) {
              live.delete(replica.id);
              dispatcher.removeReplica(replica.id);
            } else if (one.do === "restore") dispatcher.restore(replica.id);
            else if ("to" in one) {
              replica.fail = one.to === "bad" ? fails() : undefined;
              replica.lose = one.to === "lost" ? { delivered: false } : undefined;
            }
          }
          await quiet();
          const out = dispatcher.outliers.filter(({ ejected }) => ejected);
          assert(out.length <= Math.max(1, Math.floor(0.4 * live.size)), `${out.length} of ${live.size} out`);
          assert(out.length < live.size, "never the last");
          assert(out.every(({ replicaId }) => live.has(replicaId)));
        }
        for (const [id, replica] of live) {
          [replica.fail, replica.lose] = [undefined, undefined];
          dispatcher.restore(id);
        }
        await quiet();
        await Promise.allSettled(tickets);
        clock.advance(OUTLIERS.maxEjectionMs);
        await quiet();
        assert(dispatcher.outliers.every(({ ejected }) => !ejected));
        assert.equal(clock.pending, 0);
      },
    ),
    100,
  );
});
