// What the dispatcher does with priorities, tenants, second copies, retries and reasons, on a clock that stands still.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LoadTracker } from "../../../controller/autoscale/index.ts";
import type { BatchOutcome } from "../../../controller/dispatch/replica-link.ts";
import { PASSES } from "../../../controller/dispatch/queue.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import { answerOf, Desk, quiet, settled, valuesIn } from "./support.ts";

/** A desk that has seen enough batches of 10 ms to plan with, on one replica. */
async function taught(policy: ConstructorParameters<typeof Desk>[0] = {}) {
  const desk = new Desk({ maxConcurrentBatches: 1, ...policy });
  const replica = desk.replica();
  for (let batch = 0; batch < 40; batch++) {
    const ticket = desk.submit([batch]);
    const sent = await replica.nextBatch();
    desk.clock.advance(10);
    sent.release();
    await answerOf(ticket);
  }
  return { desk, replica };
}

describe("a full queue", () => {
  it("makes room for a higher band: one of the lowest is told so", async () => {
    const desk = new Desk({ maxQueuedRequests: 2 });
    const [normal, low] = [desk.submit([1]), desk.submit([2], { priority: "low" })];
    const high = desk.submit([3], { priority: "high" });
    await assert.rejects(low.result, (error: ShoalError) => {
      return error.code === "QUEUE_FULL" && (error.retryAfterMs ?? 0) > 0;
    });
    assert.throws(() => desk.submit([4], { priority: "low" }), { code: "QUEUE_FULL" });
    desk.replica().hold = false;
    assert.deepEqual([await answerOf(normal), await answerOf(high)], [[1], [3]]);
    assert.deepEqual([desk.dispatcher.stats.displaced, desk.dispatcher.stats.refused], [1, 1]);
  });

  it("of one tenant is nothing to the others", async () => {
    const tenants = { header: "x-tenant", weights: {}, maxQueuedRequests: 2 };
    const desk = new Desk({ tenants });
    const own = [desk.submit([1], { tenant: "a" }), desk.submit([2], { tenant: "a" })];
    assert.throws(() => desk.submit([3], { tenant: "a" }), { code: "QUEUE_FULL", message: /of its tenant/ });
    assert.equal(desk.dispatcher.refusal({ tenant: "b" }), undefined);
    own.push(desk.submit([4], { tenant: "b" }));
    desk.replica().hold = false;
    assert.deepEqual(await Promise.all(own.map(answerOf)), [[1], [2], [4]]);
  });
});

describe("the lowest priority under more than can be served", () => {
  const BATCHES = 20 * (PASSES + 1);

  /** How many of each priority are answered while three high ones and a low one come with every batch of one. */
  async function answered(policy: ConstructorParameters<typeof Desk>[0]): Promise<[number, number]> {
    const { desk, replica } = await taught({ maxBatchSize: 1, ...policy });
    const count = { high: 0, low: 0 };
    const submit = (priority: "high" | "low"): void => {
      try {
        desk.submit([1], { priority }).result.then(
          () => count[priority]++,
          () => undefined,
        );
      } catch {
        // Refused at the door.
      }
    };
    for (let batch = 0; batch < BATCHES; batch++) {
      for (const priority of ["low", "high", "high", "high"] as const) submit(priority);
      const sent = await replica.nextBatch();
      desk.clock.advance(10);
      sent.release();
      await quiet();
    }
    return [count.high, count.low];
  }

  for (const [what, policy] of [
    ["in a full queue", { maxQueuedRequests: 5 }],
    ["with an objective that is over before its turn comes", { objectiveMs: 60 }],
  ] as const) {
    it(`gets its turn ${what}, and no more`, async () => {
      const [high, low] = await answered(policy);
      assert(low >= 18 && low <= 22, `found ${low} of ${BATCHES}, wanted one in ${PASSES + 1}`);
      assert(high + low > 0.95 * BATCHES, `found ${high + low} of ${BATCHES} answered`);
    });
  }
});

describe("a request that cannot be in time", () => {
  it("is refused at once when others before it leave no time for it", async () => {
    const { desk, replica } = await taught();
    for (let waiting = 0; waiting < 9; waiting++) desk.submit([waiting]);
    await quiet();
    assert.throws(
      () => desk.submit([9], { withinMs: 12 }),
      (error: ShoalError) => error.code === "OVERLOADED" && (error.retryAfterMs ?? 0) > 0,
    );
    desk.submit([9], { withinMs: 1_000 });
    replica.releaseAll();
    await quiet();
    assert.equal(desk.dispatcher.open, 0);
  });

  it("is dropped before it runs when its time is used up by waiting", async () => {
    const { desk, replica } = await taught({ objectiveMs: 40 });
    const first = desk.submit([1]);
    const sent = await replica.nextBatch();
    const second = desk.submit([2]);
    desk.clock.advance(35);
    sent.release();
    assert.equal((await settled(first)).kind, "answered");
    // While nobody else waits even a slim chance is taken; this has none.
    assert.deepEqual(await settled(second), { kind: "failed", code: "OVERLOADED" });
    assert.deepEqual([desk.dispatcher.stats.shed, replica.received.length], [1, 41]);
  });
});

describe("a second copy", () => {
  const hedge = { budget: 1 };

  it("goes to another replica when the first takes far too long; the first answer counts", async () => {
    const { desk, replica } = await taught({ hedge });
    const other = desk.replica("r#1");
    const ticket = desk.submit([7]);
    const slow = await replica.nextBatch();
    desk.clock.advance(100);
    const copy = await other.nextBatch();
    copy.release();
    assert.deepEqual(await answerOf(ticket), [7]);
    slow.release();
    await quiet();
    const { hedged, hedgesWon, success } = desk.dispatcher.stats;
    assert.deepEqual([hedged, hedgesWon, success.count, desk.dispatcher.open], [1, 1, 41, 0]);
  });

  for (const first of ["copy", "original"] as const) {
    it(`gives back the answer of whoever is late: the ${first} is first`, async () => {
      const { desk, replica } = await taught({ hedge });
      const other = desk.replica("r#1");
      const ticket = desk.submit([7]);
      const original = await replica.nextBatch();
      desk.clock.advance(100);
      const copy = await other.nextBatch();
      const [fast, slow] = first === "copy" ? [copy, original] : [original, copy];
      let released = 0;
      const answer = (): BatchOutcome => ({
        kind: "done",
        outputs: fast.inputs,
        computeNs: [1_000, 10_000, 1_000],
        release: () => released++,
      });
      fast.release(answer());
      const { release } = await ticket.result;
      assert.equal(released, 0);
      slow.release(answer());
      await quiet();
      assert.equal(released, 1, "that of the late one");
      release?.();
      assert.equal(released, 2);
    });
  }

  it("that is first makes the other replica the last choice, though it never answers", async () => {
    const { desk, replica } = await taught({ hedge });
    const other = desk.replica("r#1");
    replica.interruptible = true;
    const first = desk.submit([1]);
    await replica.nextBatch();
    desk.clock.advance(100);
    (await other.nextBatch()).release();
    assert.deepEqual(await answerOf(first), [1]);
    await quiet();
    const second = desk.submit([2]);
    (await other.nextBatch()).release();
    assert.deepEqual(await answerOf(second), [2]);
    assert.equal(desk.dispatcher.stats.hedged, 1);
  });

  for (const [what, policy] of [
    ["where nobody asked for it", {}],
    ["where a request may not run twice", { hedge, idempotent: false }],
  ] as const) {
    it(`is never sent ${what}`, async () => {
      const { desk, replica } = await taught(policy);
      const other = desk.replica("r#1");
      const ticket = desk.submit([7]);
      const slow = await replica.nextBatch();
      desk.clock.advance(1_000);
      await quiet();
      assert.equal(other.received.length, 0);
      slow.release();
      assert.deepEqual(await answerOf(ticket), [7]);
    });
  }

  it("that is lost changes nothing for its original", async () => {
    const { desk, replica } = await taught({ hedge });
    const other = desk.replica("r#1");
    const ticket = desk.submit([7]);
    const slow = await replica.nextBatch();
    desk.clock.advance(100);
    (await other.nextBatch()).release({
      kind: "lost",
      delivered: true,
      error: new ShoalError("REPLICA_DIED", "it ended"),
    });
    await quiet();
    slow.release();
    assert.deepEqual(await answerOf(ticket), [7]);
    await desk.dispatcher.drain(0);
    assert.equal(desk.clock.pending, 0);
  });
});

it("requests are not run again without end: what keeps being refused soon fails", async () => {
  const desk = new Desk({ maxOngoingRequests: 1, maxQueuedRequests: 1_000, maxBatchSize: 1 });
  const replica = desk.replica();
  replica.hold = false;
  replica.refuse = new ShoalError("DRAINING", "the replica is shutting down");
  const tickets = Array.from({ length: 400 }, (_, value) => desk.submit([value]));
  const outcomes = await Promise.all(tickets.map(settled));
  assert(outcomes.every((outcome) => outcome.kind === "failed" && outcome.code === "DRAINING"));
  // Each once, and a hundred with a fifth of all beside: not four times each.
  assert(replica.received.length <= 400 + 100 + 80, String(replica.received.length));
});

describe("why a batch had no more rows", () => {
  const cases = [
    ["full", [[1, 2, 3, 4]], {}],
    ["replica_idle", [[1]], {}],
    [
      "next_too_large",
      [
        [1, 2, 3],
        [4, 5],
      ],
      {},
    ],
    ["unbatched", [[1]], { maxBatchSize: 1 }],
    ["replica_full", [[1], [2], [3]], { maxOngoingRequests: 2 }],
  ] as const;
  for (const [reason, requests, policy] of cases) {
    it(`is "${reason}"`, async () => {
      const desk = new Desk(policy);
      const replica = desk.replica();
      const [first] = requests.map((values) => desk.submit(values));
      (await replica.nextBatch()).release();
      assert.equal((await first?.result)?.batch.reason, reason);
      assert((desk.dispatcher.stats.reasons.get(reason) ?? 0) >= 1);
    });
  }

  it('is "different" for other inputs, "alone" after a failure, "waited" when its time was up', async () => {
    const desk = new Desk();
    const replica = desk.replica();
    const [a, b] = [desk.submit([1], { name: "a" }), desk.submit([2], { name: "b" })];
    (await replica.nextBatch()).release();
    assert.equal((await a.result).batch.reason, "different");
    const c = desk.submit([3], { name: "b" });
    await quiet();
    desk.clock.advance(10);
    await quiet();
    replica.releaseAll();
    assert.equal((await b.result).batch.reason, "replica_idle");
    await c.result;
    replica.fail = ({ requests }) => (requests > 1 ? new ShoalError("ENGINE_FAILED", "no") : undefined);
    const [d, e] = [desk.submit([4]), desk.submit([5])];
    assert.deepEqual([(await d.result).batch.reason, (await e.result).batch.reason], ["alone", "alone"]);
  });
});

it("the load that is told of has every arrival in it, and what was missed", async () => {
  const load = new LoadTracker();
  const desk = new Desk({ maxQueuedRequests: 2 }, { load });
  const tickets = [desk.submit([1]), desk.submit([2, 3])];
  assert.throws(() => desk.submit([4]), { code: "QUEUE_FULL" });
  assert.throws(() => desk.dispatcher.check(), { code: "QUEUE_FULL" });
  desk.replica().hold = false;
  await Promise.all(tickets.map(answerOf));
  desk.clock.advance(500);
  const seen = load.readAt(desk.clock.nowMs());
  const requests = seen.requestsPerSecond(1_000);
  assert.deepEqual([seen.missed, requests > 0, seen.rowsPerSecond(1_000) / requests], [2, true, 5 / 4]);
});

it("a replica that is slower than its siblings is given work last", async () => {
  const desk = new Desk({ maxConcurrentBatches: 1, maxBatchSize: 1 });
  const [slow, fast] = [desk.replica("slow"), desk.replica("fast")];
  for (let round = 0; round < 30; round++) {
    const tickets = [desk.submit([1]), desk.submit([2])];
    await quiet();
    desk.clock.advance(10);
    for (const batch of fast.held) batch.release();
    await quiet();
    desk.clock.advance(30);
    for (const batch of slow.held) batch.release();
    await Promise.all(tickets.map(answerOf));
  }
  const before = slow.received.length;
  const ticket = desk.submit([3]);
  await quiet();
  assert.equal(slow.received.length, before);
  assert.deepEqual(valuesIn(fast).at(-1), [3]);
  fast.releaseAll();
  await answerOf(ticket);
});
