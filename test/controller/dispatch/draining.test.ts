// The end of a dispatcher, and of a replica of it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import { answerOf, busy, Desk, failOn, infer, quiet, settled } from "./support.ts";

describe("draining the dispatcher", () => {
  it("answers what was admitted and refuses the rest", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, ticket, batch } = await busy(desk);
    const queued = desk.submit([1], { withinMs: 10_000 });
    const drained = desk.dispatcher.drain(1_000);
    assert.throws(() => desk.dispatcher.submit(infer([2]), 0), { code: "DRAINING" });
    replica.hold = false;
    batch.release();
    assert.deepEqual([await answerOf(ticket), await answerOf(queued)], [[0], [1]]);
    await drained;
    assert.equal(desk.clock.pending, 0);
  });

  it("still runs a failed batch in parts, and one whose replica died again", async () => {
    const desk = new Desk();
    const [first, second] = [desk.replica("r#0"), desk.replica("r#1")];
    const tickets = [desk.submit([1]), desk.submit([2]), desk.submit([3]), desk.submit([4])];
    const [lost, failing] = [await first.nextBatch(), await second.nextBatch()];
    const drained = desk.dispatcher.drain(1_000);
    lost.release({ kind: "lost", delivered: true, error: new ShoalError("REPLICA_DIED", "it ended") });
    second.fail = failOn(4);
    second.hold = false;
    failing.release();
    assert.deepEqual(
      (await Promise.all(tickets.map(settled))).map(({ kind }) => kind),
      ["answered", "answered", "answered", "failed"],
    );
    await drained;
  });

  it("fails what is not answered within its grace, and leaves no timer", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, ticket, batch } = await busy(desk);
    const queued = desk.submit([1], { withinMs: 10_000 });
    const drained = desk.dispatcher.drain(1_000);
    assert.equal(desk.dispatcher.drain(0), drained);
    desk.clock.advance(1_000);
    await Promise.all([ticket, queued].map(({ result }) => assert.rejects(result, { code: "DRAINING" })));
    await drained;
    assert.equal(desk.clock.pending, 0);
    batch.release();
    await quiet();
    assert.deepEqual([replica.received.length, desk.dispatcher.open, desk.clock.pending], [1, 0, 0]);
  });

  it("is done at once when nothing is open", async () => {
    const desk = new Desk();
    await desk.dispatcher.drain(1_000);
    assert.equal(desk.clock.pending, 0);
  });
});

describe("a replica that is removed", () => {
  it("is vacated when what it has is over, whatever became of it", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { ticket, batch } = await busy(desk);
    let vacated = false;
    desk.dispatcher.removeReplica("r#0");
    const promise = desk.dispatcher.vacated("r#0").then(() => (vacated = true));
    ticket.cancel(new ShoalError("CANCELLED", "gone"));
    await quiet();
    assert.equal(vacated, false, "its run goes on, though nobody waits for it");
    batch.release();
    await promise;
    await desk.dispatcher.vacated("r#0");
  });

  it("is vacated at once when it has nothing, and when it is not known", async () => {
    const desk = new Desk();
    desk.replica();
    desk.dispatcher.removeReplica("r#0");
    await desk.dispatcher.vacated("r#0");
    await desk.dispatcher.vacated("nobody");
  });
});
