// How a request ends without an answer: refused at the door, cancelled by its client, too late.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import { answerOf, busy, cancelled, Desk, quiet, valuesIn } from "./support.ts";

describe("refusals of the dispatcher", () => {
  it("come at once when the queue is full, and say when to come back (invariant 1)", async () => {
    const desk = new Desk({ maxQueuedRequests: 2 });
    const tickets = [desk.submit([1]), desk.submit([2])];
    assert.throws(
      () => desk.submit([3]),
      (error: ShoalError) => error.code === "QUEUE_FULL" && (error.retryAfterMs ?? 0) > 0,
    );
    assert.equal(desk.dispatcher.stats.refused, 1);
    desk.replica().hold = false;
    await Promise.all(tickets.map(answerOf));
    assert.equal(desk.dispatcher.refusal(), undefined);
  });

  it("name a request that no batch can hold", () => {
    assert.throws(() => new Desk().submit([1, 2, 3, 4, 5]), { code: "INVALID_ARGUMENT", message: /5 rows/ });
  });

  it("fail what waits with the reason when a deployment is given up, and let the rest finish", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { ticket, batch } = await busy(desk);
    const queued = desk.submit([1]);
    desk.dispatcher.refuseAll(new ShoalError("DEPLOY_FAILED", "no replica starts"));
    await assert.rejects(queued.result, { code: "DEPLOY_FAILED" });
    assert.throws(() => desk.submit([2]), { code: "DEPLOY_FAILED" });
    batch.release();
    assert.deepEqual(await answerOf(ticket), [0]);
  });

  it("also fail what comes back unanswered from then on", async () => {
    const desk = new Desk();
    const { ticket, batch } = await busy(desk);
    desk.dispatcher.refuseAll(new ShoalError("DEPLOY_FAILED", "no replica starts"));
    batch.release({ kind: "lost", delivered: false, error: new ShoalError("REPLICA_DIED", "it ended") });
    await assert.rejects(ticket.result, { code: "REPLICA_DIED" });
  });
});

describe("a cancelled request", () => {
  it("leaves the queue", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, batch } = await busy(desk);
    const [first, second, third] = [desk.submit([1]), desk.submit([2]), desk.submit([3])];
    second.cancel(cancelled);
    await assert.rejects(second.result, cancelled);
    assert.equal(desk.dispatcher.queued, 2);
    replica.hold = false;
    batch.release();
    assert.deepEqual([await answerOf(first), await answerOf(third)], [[1], [3]]);
    assert.deepEqual(valuesIn(replica), [[0], [1, 3]]);
  });

  it("is told at once at a replica, and its neighbours are answered", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    const [first, second] = [desk.submit([1]), desk.submit([2])];
    const batch = await replica.nextBatch();
    first.cancel(cancelled);
    await assert.rejects(first.result, cancelled);
    assert.equal(batch.abandoned, false);
    batch.release();
    assert.deepEqual(await answerOf(second), [2]);
    first.cancel(new ShoalError("INTERNAL", "too late"));
    assert.equal(desk.dispatcher.stats.fail.count, 1);
  });

  it("that was the last of its batch abandons the hop where that ends the run", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const replica = desk.replica();
    replica.interruptible = true;
    const tickets = [desk.submit([1]), desk.submit([2])];
    const batch = await replica.nextBatch();
    for (const ticket of tickets) ticket.cancel(cancelled);
    await Promise.all(tickets.map((ticket) => assert.rejects(ticket.result, cancelled)));
    assert.equal(batch.abandoned, true);
    replica.hold = false;
    assert.deepEqual(await answerOf(desk.submit([3])), [3]);
  });

  it("keeps its slot while the run it is in cannot be ended", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const replica = desk.replica();
    const ticket = desk.submit([1]);
    const batch = await replica.nextBatch();
    ticket.cancel(cancelled);
    await assert.rejects(ticket.result);
    desk.clock.advance(5);
    assert.equal(desk.dispatcher.busyMs("r#0"), 5);
    const next = desk.submit([2]);
    await quiet();
    assert.equal(replica.received.length, 1);
    replica.hold = false;
    batch.release();
    assert.deepEqual(await answerOf(next), [2]);
    assert.equal(desk.dispatcher.busyMs("r#0"), undefined);
  });
});

describe("a deadline", () => {
  it("ends a request in the queue, and only that one", async () => {
    const desk = new Desk();
    const [soon, late] = [desk.submit([1], { withinMs: 100 }), desk.submit([2], { withinMs: 200 })];
    desk.clock.advance(100);
    await assert.rejects(soon.result, { code: "DEADLINE_EXCEEDED", message: /in the queue/ });
    desk.clock.advance(100);
    await assert.rejects(late.result, { code: "DEADLINE_EXCEEDED" });
    assert.equal(desk.clock.pending, 0);
  });

  it("ends a request at a replica, and its late answer is for nobody", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    const [soon, late] = [desk.submit([1], { withinMs: 100 }), desk.submit([2])];
    const batch = await replica.nextBatch();
    assert.equal(batch.batch.latestStartMs, Number.POSITIVE_INFINITY);
    desk.clock.advance(100);
    await assert.rejects(soon.result, { code: "DEADLINE_EXCEEDED", message: /at a replica/ });
    batch.release();
    assert.deepEqual(await answerOf(late), [2]);
    const { success, fail } = desk.dispatcher.stats;
    assert.deepEqual([success.count, fail.count], [1, 1]);
  });

  it("no longer counts once the answer has begun to flow", async () => {
    const desk = new Desk();
    const { replica, batch } = await busy(desk);
    const ticket = desk.submit([1], { withinMs: 100 });
    ticket.liftDeadline();
    desk.clock.advance(500);
    replica.hold = false;
    batch.release();
    for (const held of replica.held) held.release();
    assert.deepEqual(await answerOf(ticket), [1]);
  });

  it("that has passed is what is told of a batch that was refused for it", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    const ticket = desk.submit([1], { withinMs: 1 });
    const batch = await replica.nextBatch();
    desk.clock.advance(1);
    batch.release({ kind: "refused", error: new ShoalError("LATEST_START_PASSED", "too late") });
    await assert.rejects(ticket.result, { code: "DEADLINE_EXCEEDED" });
    assert.equal(replica.received.length, 1);
  });
});
