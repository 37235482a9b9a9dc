// What becomes of the requests of a batch that was not answered: lost, refused, failed.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import { answerOf, busy, Desk, failOn, quiet, settled, valuesIn } from "./support.ts";

describe("a batch that was not answered", () => {
  it("is run in parts when it failed, so that one bad row fails alone", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    replica.hold = false;
    replica.fail = failOn(2);
    const tickets = [desk.submit([1]), desk.submit([2]), desk.submit([3])];
    assert.deepEqual(
      (await Promise.all(tickets.map(settled))).map(({ kind }) => kind),
      ["answered", "failed", "answered"],
    );
    assert.deepEqual(valuesIn(replica), [[1, 2, 3], [1], [2], [3]]);
    const { success, fail, inferenceCount, executionCount } = desk.dispatcher.stats;
    assert.deepEqual([success.count, fail.count, inferenceCount, executionCount], [2, 1, 2, 2]);
  });

  it("is run in parts when the model gives no row per input row", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    replica.hold = false;
    replica.outputs = (inputs) =>
      inputs.map((input) => ({ ...input, shape: [1], bytes: input.bytes.slice(0, 4) }));
    const tickets = [desk.submit([1]), desk.submit([2])];
    assert.deepEqual(await Promise.all(tickets.map(answerOf)), [[1], [2]]);
    assert.deepEqual(valuesIn(replica), [[1, 2], [1], [2]]);
  });

  it("goes back to the front of the queue when it was refused, in its order", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const replica = desk.replica();
    const tickets = [desk.submit([1]), desk.submit([2])];
    const batch = await replica.nextBatch();
    tickets.push(desk.submit([3]));
    batch.release({ kind: "refused", error: new ShoalError("DRAINING", "the replica is shutting down") });
    replica.hold = false;
    assert.deepEqual(await Promise.all(tickets.map(answerOf)), [[1], [2], [3]]);
    assert.deepEqual(valuesIn(replica), [
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it("fails typed when it was refused again and again", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    replica.hold = false;
    replica.refuse = new ShoalError("DRAINING", "the replica is shutting down");
    await assert.rejects(desk.submit([1]).result, { code: "DRAINING" });
    assert.equal(replica.received.length, 4);
  });

  for (const idempotent of [true, false]) {
    it(`is always run again when it never arrived (idempotent: ${idempotent})`, async () => {
      const desk = new Desk({ idempotent });
      const [first, second] = [desk.replica("r#0"), desk.replica("r#1")];
      const ticket = desk.submit([1]);
      const batch = await first.nextBatch();
      second.hold = false;
      batch.release({ kind: "lost", delivered: false, error: new ShoalError("REPLICA_DIED", "it ended") });
      assert.deepEqual(await answerOf(ticket), [1]);
      assert.deepEqual(desk.lost, ["r#0"]);
    });
  }

  it("is run again when its replica died, and that replica gets nothing until restored (invariant 4)", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    replica.lose = { delivered: true };
    replica.hold = false;
    const tickets = [desk.submit([1]), desk.submit([2])];
    await quiet();
    assert.deepEqual([desk.lost, replica.received.length, desk.dispatcher.queued], [["r#0"], 1, 2]);
    replica.lose = undefined;
    desk.dispatcher.restore("r#0");
    assert.deepEqual(await Promise.all(tickets.map(answerOf)), [[1], [2]]);
    assert.deepEqual(valuesIn(replica), [[1, 2], [1], [2]]);
  });

  it("fails typed when its replica died and it may have side effects", async () => {
    const desk = new Desk({ idempotent: false });
    const replica = desk.replica();
    replica.lose = { delivered: true };
    replica.hold = false;
    const tickets = [desk.submit([1]), desk.submit([2])];
    await Promise.all(tickets.map(({ result }) => assert.rejects(result, { code: "REPLICA_DIED" })));
    assert.equal(replica.received.length, 1);
  });

  it("tells nobody of a loss at a replica that was removed: another may have its id", async () => {
    const desk = new Desk();
    const { ticket, batch } = await busy(desk);
    desk.dispatcher.removeReplica("r#0");
    desk.replica("r#0").hold = false;
    batch.release({ kind: "lost", delivered: true, error: new ShoalError("REPLICA_DIED", "it ended") });
    assert.deepEqual(await answerOf(ticket), [0]);
    assert.deepEqual(desk.lost, []);
  });

  it("whose request kills replicas fails alone, and its neighbours are answered", async () => {
    const POISON = 13;
    const desk = new Desk();
    const tickets = [1, 2, POISON, 4, 5, 6, 7, 8].map((value) => desk.submit([value]));
    // A replica dies with everything it has as soon as the poison has reached it, and another takes its place.
    for (let incarnation = 1; desk.dispatcher.open > 0; incarnation++) {
      assert(incarnation < 10, "the poison goes on killing");
      const replica = desk.replica();
      for (;;) {
        await quiet();
        if (valuesIn(replica).flat().includes(POISON)) break;
        const [next] = replica.held;
        if (next === undefined) break;
        next.release();
      }
      desk.dispatcher.removeReplica(replica.id);
      replica.lose = { delivered: true };
      replica.releaseAll();
      await quiet();
    }
    const outcomes = await Promise.all(tickets.map(settled));
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === "failed" ? outcome.code : "answered")),
      [1, 2, POISON, 4, 5, 6, 7, 8].map((value) => (value === POISON ? "REPLICA_DIED" : "answered")),
    );
  });
});
