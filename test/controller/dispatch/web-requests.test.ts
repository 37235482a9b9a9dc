// Web requests in the dispatcher: one at a time, streamed, never batched.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NotDelivered } from "../../../controller/dispatch/index.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import { carrying, Desk, quiet } from "./support.ts";

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
