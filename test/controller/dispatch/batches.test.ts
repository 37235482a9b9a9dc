// The batches of a dispatcher with a clock that stands still and replicas that do as they are told, and what is counted.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerOf, busy, Desk, POLICY, quiet, valuesIn } from "./support.ts";

describe("batches of the dispatcher", () => {
  it("are what came in one turn, in its order, and everyone gets the answer to their own rows", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    replica.hold = false;
    const tickets = [desk.submit([1, 2]), desk.submit([3]), desk.submit([4])];
    assert.deepEqual(await Promise.all(tickets.map(answerOf)), [[1, 2], [3], [4]]);
    assert.deepEqual(valuesIn(replica), [[1, 2, 3, 4]]);
  });

  it("never join requests of different signatures, nor pass over the oldest", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, batch } = await busy(desk);
    const names = ["a", "b", "a", "b", "a"];
    const tickets = names.map((name, index) => desk.submit([index], { name }));
    batch.release();
    replica.hold = false;
    assert.deepEqual(await Promise.all(tickets.map(answerOf)), [[0], [1], [2], [3], [4]]);
    assert.deepEqual(valuesIn(replica), [[0], [0, 2, 4], [1, 3]]);
  });

  it("are counted in rows, and a request is never cut", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, batch } = await busy(desk);
    const tickets = [desk.submit([1, 2, 3]), desk.submit([4, 5]), desk.submit([6])];
    batch.release();
    replica.hold = false;
    await Promise.all(tickets.map(answerOf));
    assert.deepEqual(valuesIn(replica), [[0], [1, 2, 3], [4, 5, 6]]);
  });

  it("of requests without a row are answered, beside others and alone, once times are learnt too", async () => {
    const desk = new Desk();
    const replica = desk.replica();
    for (const rows of [[1, 2], [], [3], [], []]) {
      const [own, empty] = [desk.submit(rows), desk.submit([])];
      await quiet();
      desk.clock.advance(5); // so long it takes
      replica.releaseAll();
      assert.deepEqual([await answerOf(own), await answerOf(empty)], [rows, []]);
    }
    assert(desk.dispatcher.service.observations > 0);
  });

  it("are bound to a replica only when one has room (invariant 3)", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica: first, batch } = await busy(desk);
    const tickets = [desk.submit([1]), desk.submit([2])];
    desk.clock.advance(1_000);
    await quiet();
    assert.equal(desk.dispatcher.queued, 2);
    const second = desk.replica("r#1");
    await second.nextBatch();
    assert.deepEqual(valuesIn(second), [[1, 2]]);
    assert.equal(first.received.length, 1);
    second.releaseAll();
    batch.release();
    await Promise.all(tickets.map(answerOf));
  });

  it("wait for company beside a running one, at most batch_wait_timeout", async () => {
    const desk = new Desk();
    const { replica } = await busy(desk);
    void desk.submit([1]);
    await quiet();
    desk.clock.advance(9);
    void desk.submit([2]);
    await quiet();
    assert.equal(replica.received.length, 1);
    desk.clock.advance(1);
    assert.deepEqual(valuesIn(replica), [[0], [1, 2]]);
    assert.equal(desk.clock.pending, 0);
  });

  it("do not wait once full, nor once the replica is idle", async () => {
    const desk = new Desk();
    const { replica, batch } = await busy(desk);
    for (const value of [1, 2, 3, 4]) void desk.submit([value]);
    await quiet();
    assert.deepEqual(valuesIn(replica), [[0], [1, 2, 3, 4]]);
    void desk.submit([5]);
    batch.release();
    replica.received[1]?.release();
    await quiet();
    assert.deepEqual(valuesIn(replica)[2], [5]);
    assert.equal(desk.clock.pending, 0);
  });

  it("are shared among idle replicas", async () => {
    const desk = new Desk();
    const replicas = [desk.replica("r#0"), desk.replica("r#1")];
    for (const value of [1, 2, 3, 4]) void desk.submit([value]);
    await quiet();
    assert.deepEqual(replicas.map(valuesIn), [[[1, 2]], [[3, 4]]]);
  });

  it("stay within max_ongoing_requests of a replica", async () => {
    const desk = new Desk({ maxOngoingRequests: 3 });
    const replica = desk.replica();
    for (const value of [1, 2, 3, 4, 5]) void desk.submit([value]);
    await quiet();
    assert.deepEqual(valuesIn(replica), [[1, 2, 3]]);
    replica.received[0]?.release();
    await quiet();
    assert.deepEqual(valuesIn(replica), [
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it("follow a new policy from the next decision on, and nothing queued is lost", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, batch } = await busy(desk);
    const tickets = [desk.submit([1, 2, 3]), desk.submit([4]), desk.submit([5])];
    desk.dispatcher.setPolicy({ ...POLICY, maxBatchSize: 2 });
    replica.hold = false;
    batch.release();
    assert.deepEqual(await Promise.all(tickets.map(answerOf)), [[1, 2, 3], [4], [5]]);
    assert.deepEqual(valuesIn(replica), [[0], [1, 2, 3], [4, 5]]);
  });
});

describe("the dispatcher's statistics", () => {
  it("count rows, batches and time in Triton's categories", async () => {
    const desk = new Desk({ maxConcurrentBatches: 1 });
    const { replica, batch } = await busy(desk);
    const tickets = [desk.submit([1, 2]), desk.submit([3])];
    desk.clock.advance(7);
    batch.release();
    const next = await replica.nextBatch();
    desk.clock.advance(5);
    next.release();
    const [first] = await Promise.all(tickets.map(({ result }) => result));
    assert.deepEqual(first?.timings, {
      queueNs: 7e6,
      computeInputNs: 1_000,
      computeInferNs: 10_000,
      computeOutputNs: 1_000,
      batchRows: 3,
    });
    const { stats } = desk.dispatcher;
    assert.deepEqual(
      [stats.inferenceCount, stats.executionCount, stats.success, stats.queue, stats.fail.count],
      [4, 2, { count: 3, ns: 31e6 }, { count: 3, ns: 14e6 }, 0],
    );
    assert.deepEqual([...stats.batches.keys()], [1, 3]);
  });

  it("keep a sensible Retry-After after a request without rows", async () => {
    const desk = new Desk({ maxQueuedRequests: 1 });
    const replica = desk.replica();
    replica.hold = false;
    await desk.submit([]).result;
    desk.dispatcher.removeReplica("r#0");
    void desk.submit([1]);
    assert(Number.isFinite(desk.dispatcher.refusal()?.retryAfterMs));
  });
});
