// The dispatcher with a clock that stands still and replicas that do as they are told.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type FetchWork, NotDelivered } from "../../../controller/dispatch/index.ts";
import { type ErrorCode, ShoalError } from "../../../runtime/base/index.ts";
import type { ReceivedBatch } from "../../support/fake-replica.ts";
import { answerOf, Desk, infer, POLICY, quiet, settled, valuesIn } from "./support.ts";

const cancelled = new ShoalError("CANCELLED", "the client went away");

/** The engine cannot run a batch that has this value in it. */
function failOn(bad: number, code: ErrorCode = "ENGINE_FAILED") {
  return ({ inputs }: ReceivedBatch): ShoalError | undefined =>
    inputs.some(({ bytes }) => new Int32Array(bytes.slice().buffer).includes(bad))
      ? new ShoalError(code, `found ${bad}`)
      : undefined;
}

/** Keeps the one replica busy, so that what follows must queue. */
async function busy(desk: Desk, replica = desk.replica()) {
  const ticket = desk.submit([0], { name: "busy" });
  const batch = await replica.nextBatch();
  return { replica, ticket, batch };
}

function carrying(carry: FetchWork["carry"]): FetchWork {
  return { kind: "fetch", carry };
}

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

describe("web requests in the dispatcher", () => {
  it("go alone, in their order, and hold a slot until they are carried", async () => {
    const desk = new Desk({ maxConcurrentBatches: 2 });
    desk.replica();
    const carried = [1, 2, 3].map(() => Promise.withResolvers<undefined>());
    const begun: number[] = [];
    const tickets = carried.map(({ promise }, index) =>
      desk.dispatcher.submit(
        carrying(() => {
          begun.push(index);
          return promise;
        }),
        Number.POSITIVE_INFINITY,
      ),
    );
    desk.clock.advance(1_000);
    await quiet();
    desk.clock.advance(1_000);
    assert.deepEqual(begun, [0, 1]);
    carried[0]?.resolve(undefined);
    await tickets[0]?.result;
    await quiet();
    desk.clock.advance(1_000);
    assert.deepEqual(begun, [0, 1, 2]);
    for (const { resolve } of carried) resolve(undefined);
    await Promise.all(tickets.map(({ result }) => result));
  });

  it("are never joined with each other, however large a batch may be", async () => {
    const desk = new Desk();
    desk.replica();
    let carried = 0;
    const work = carrying(async () => void carried++);
    const tickets = [1, 2, 3].map(() => desk.dispatcher.submit(work, Number.POSITIVE_INFINITY));
    await quiet();
    desk.clock.advance(1_000);
    await Promise.all(tickets.map(({ result }) => result));
    assert.equal(carried, 3);
  });

  it("are not run again once the replica has them; it is checked", async () => {
    const desk = new Desk();
    desk.replica();
    const failing = carrying(() => Promise.reject(new ShoalError("REPLICA_DIED", "it ended")));
    await assert.rejects(desk.dispatcher.submit(failing, Number.POSITIVE_INFINITY).result, {
      code: "REPLICA_DIED",
    });
    assert.deepEqual(desk.lost, ["r#0"]);
  });

  it("that reached no replica go to the next", async () => {
    const desk = new Desk();
    desk.replica();
    let carried = 0;
    const error = new ShoalError("REPLICA_DIED", "it was gone");
    const work = carrying(() =>
      ++carried === 1 ? Promise.reject(new NotDelivered(error)) : Promise.resolve(undefined),
    );
    const ticket = desk.dispatcher.submit(work, Number.POSITIVE_INFINITY);
    await quiet();
    assert.deepEqual(desk.lost, ["r#0"]);
    desk.dispatcher.restore("r#0");
    await ticket.result;
    assert.equal(carried, 2);
  });

  it("that throw anything else are answered as an internal error", async () => {
    const desk = new Desk();
    desk.replica();
    const failing = carrying(() => Promise.reject(new TypeError("a mistake")));
    await assert.rejects(desk.dispatcher.submit(failing, Number.POSITIVE_INFINITY).result, {
      code: "INTERNAL",
    });
  });
});

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
