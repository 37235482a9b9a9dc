// When the server cannot, or may not, answer: full queues, deadlines, failing models, clients that leave, drains.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import type { FastifyReply } from "fastify";
import { Admission } from "../../../gateway/admission.ts";
import { Exchange } from "../../../gateway/http/exchange.ts";
import { type ErrorCode, ShoalError } from "../../../runtime/base/index.ts";
import { RawConnection } from "../../support/raw-http.ts";
import { until } from "../../support/until.ts";
import {
  ADD_SUB,
  addSub,
  assertRefused,
  assertUsable,
  FakeDeployment,
  good,
  goodInputs,
  INFER,
  open,
  openSimple,
} from "./support.ts";

/** A request whose body never comes: what is answered to it is answered before the body is read. */
const headOnly = (connection: RawConnection): Promise<void> =>
  connection.request(INFER, { "content-length": "1000" });

describe("a full queue", () => {
  test("is 429 at once, before the body, with Retry-After; those queued are answered", async () => {
    await using door = await openSimple();
    const { replica, dispatcher } = door.simple;
    replica.hold = true;
    const connections = await Promise.all([1, 2, 3].map(() => door.connect()));
    const [first, ...others] = connections;
    await first?.request(INFER, {}, good);
    const sent = await replica.nextBatch();
    for (const connection of others) await connection.request(INFER, {}, good);
    await until(() => dispatcher.queued === 2);

    using refused = await door.connect();
    await headOnly(refused);
    const response = await refused.response();
    assertRefused(response, 429, /"simple": 2 wait already, wanted fewer than max_queued_requests 2/);
    assert.match(response.headers["retry-after"] ?? "", /^[1-9]\d*$/);
    assert.equal(response.headers["x-should-retry"], "true");
    assert.equal(dispatcher.stats.refused, 1);

    sent.release();
    replica.releaseAll();
    for (const connection of connections) assert.equal((await connection.response()).status, 200);
    await refused.write(Buffer.alloc(1000));
    await assertUsable(refused);
  });

  test("of one deployment is nothing to another", async () => {
    const busy = new FakeDeployment("busy", ADD_SUB);
    busy.dispatcher.refuseAll(new ShoalError("QUEUE_FULL", "full"));
    const simple = new FakeDeployment("simple", ADD_SUB);
    simple.replica.outputs = addSub;
    await using door = await open([busy, simple]);
    using connection = await door.connect();
    await connection.request("POST /v2/models/busy/infer", {}, good);
    assertRefused(await connection.response(), 429, /^full$/);
    await assertUsable(connection);
  });
});

describe("a deadline that passes", () => {
  for (const [name, headers, parameters] of [
    ["x-request-timeout-ms", { "x-request-timeout-ms": "5" }, {}],
    ["parameters.timeout in microseconds", {}, { timeout: 5_000 }],
    ["the shorter of both", { "x-request-timeout-ms": "5" }, { timeout: 60_000_000 }],
    ["a fraction of a millisecond", { "x-request-timeout-ms": "0.001" }, {}],
  ] as const) {
    test(`by ${name}, is 504, and the connection stays usable`, async () => {
      await using door = await openSimple();
      const { replica } = door.simple;
      replica.hold = true;
      using connection = await door.connect();
      await connection.request(INFER, headers, JSON.stringify({ inputs: goodInputs, parameters }));
      assertRefused(await connection.response(), 504, /"simple" in time: its deadline passed after \d+ ms/);
      replica.releaseAll();
      await assertUsable(connection);
    });
  }

  test("the deployment's own, on the plain route too", async () => {
    await using door = await openSimple();
    door.simple.requestTimeoutMs = 5;
    door.simple.replica.hold = true;
    using connection = await door.connect();
    const inputs = { INPUT0: [[1, 2, 3, 4]], INPUT1: [[1, 2, 3, 4]] };
    await connection.request("POST /simple", {}, JSON.stringify({ inputs }));
    assertRefused(await connection.response(), 504, /in time/);
  });

  test("in the queue takes the request out of it", async () => {
    await using door = await openSimple();
    const { replica, dispatcher } = door.simple;
    replica.hold = true;
    using first = await door.connect();
    await first.request(INFER, {}, good);
    await replica.nextBatch();
    using second = await door.connect();
    await second.request(INFER, { "x-request-timeout-ms": "5" }, good);
    assertRefused(await second.response(), 504, /in the queue/);
    assert.equal(dispatcher.queued, 0);
    replica.releaseAll();
    assert.equal((await first.response()).status, 200);
    assert.equal(replica.received.length, 1);
  });
});

describe("a model that fails", () => {
  test("is 500 without a path or a stack, and the next request is answered", async () => {
    await using door = await openSimple();
    const cause = new Error("at /srv/shoal/models/secret.onnx");
    const message =
      'Cannot run "simple": /srv/shoal/models/secret.onnx:12 is broken, see file:///home/me/x.ts';
    door.simple.replica.fail = new ShoalError("ENGINE_FAILED", message, { cause });
    using connection = await door.connect();
    await connection.request(INFER, {}, good);
    const response = await connection.response();
    assertRefused(response, 500, /^Cannot run "simple": <path> is broken, see <path>$/);
    assert.equal(response.headers["x-should-retry"], "false");
    assert.equal(response.headers["retry-after"], undefined);
    assert(!/secret|home|\.ts|at /.test(response.body.toString()));
    door.simple.replica.fail = undefined;
    await assertUsable(connection);
  });

  test("in a way nobody foresaw is 500 without what it was", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    door.simple.replica.hold = true;
    await connection.request(INFER, {}, good);
    const sent = await door.simple.replica.nextBatch();
    // An answer that is no answer: the encoder has nothing to read.
    const bytes = undefined as unknown as Uint8Array;
    const outputs = [{ name: "OUTPUT0", datatype: "INT32", shape: [1, 4], bytes }] as const;
    sent.release({ kind: "done", outputs, computeNs: [0, 0, 0] });
    assertRefused(
      await connection.response(),
      500,
      /^Cannot answer: an internal error, see the server's log$/,
    );
  });

  for (const [code, status] of [
    ["INVALID_ARGUMENT", 400],
    ["UNSUPPORTED", 501],
    ["REPLICA_DIED", 503],
  ] as const satisfies readonly (readonly [ErrorCode, number])[]) {
    test(`as ${code} is ${status}`, async () => {
      await using door = await openSimple();
      door.simple.replica.fail = new ShoalError(code, "no");
      using connection = await door.connect();
      await connection.request(INFER, {}, good);
      const response = await connection.response();
      assertRefused(response, status, /^no$/);
      assert.equal(response.headers["x-should-retry"], String(code === "REPLICA_DIED"));
    });
  }

  test("for one row of a batch fails that request alone", async () => {
    await using door = await openSimple();
    const { replica, dispatcher } = door.simple;
    replica.hold = true;
    using first = await door.connect();
    await first.request(INFER, {}, good);
    await replica.nextBatch();
    const bad = JSON.stringify({ inputs: goodInputs.map((input) => ({ ...input, data: [9, 9, 9, 9] })) });
    using second = await door.connect();
    using third = await door.connect();
    await second.request(INFER, {}, bad);
    await third.request(INFER, {}, good);
    await until(() => dispatcher.queued === 2);
    replica.fail = ({ inputs: [input] }) =>
      input?.bytes.includes(9) === true ? new ShoalError("ENGINE_FAILED", "nine") : undefined;
    replica.releaseAll();
    assert.equal((await first.response()).status, 200);
    assertRefused(await second.response(), 500, /^nine$/);
    assert.equal((await third.response()).status, 200);
  });
});

describe("a client that leaves", () => {
  test("while queued takes its request out of the queue", async () => {
    await using door = await openSimple();
    const { replica, dispatcher } = door.simple;
    replica.hold = true;
    using first = await door.connect();
    await first.request(INFER, {}, good);
    const sent = await replica.nextBatch();
    const second = await door.connect();
    await second.request(INFER, {}, good);
    await until(() => dispatcher.queued === 1);
    second.reset();
    await until(() => dispatcher.queued === 0);
    sent.release();
    assert.equal((await first.response()).status, 200);
    assert.equal(replica.received.length, 1);
    await until(() => door.server.openRequests === 0);
  });

  test("while its batch runs gives up the hop when nobody else waits for it", async () => {
    await using door = await openSimple();
    const { replica, dispatcher } = door.simple;
    replica.hold = true;
    replica.interruptible = true;
    const connection = await door.connect();
    await connection.request(INFER, {}, good);
    const sent = await replica.nextBatch();
    connection.reset();
    await until(() => sent.abandoned);
    await until(() => dispatcher.open === 0);
    assert.equal(door.server.openRequests, 0);
  });

  test("while its body is read costs nobody anything", async () => {
    await using door = await openSimple();
    const connection = await door.connect();
    await headOnly(connection);
    await until(() => door.server.openRequests === 1);
    connection.reset();
    await until(() => door.server.openRequests === 0);
    assert.equal(door.simple.replica.received.length, 0);
  });

  test("before its request is submitted has it run for nobody", () => {
    const raw = Object.assign(new EventEmitter(), { writableFinished: false });
    const admission = new Admission(1);
    const exchange = new Exchange(admission, { raw, request: { raw: {} } } as unknown as FastifyReply);
    raw.emit("close");
    assert.equal(admission.open, 0);
    const simple = new FakeDeployment("simple", undefined);
    const work = { kind: "infer", inputs: [], outputs: [], rows: 1, joinKey: "" } as const;
    assert.throws(() => exchange.submit(simple, work, 1_000), { code: "CANCELLED" });
    assert.equal(simple.dispatcher.open, 0);
  });
});

describe("the server's own limits", () => {
  test("more open requests than may be are 503 with Retry-After, before the body", async () => {
    await using door = await openSimple({ maxOpenRequests: 1 });
    const { replica } = door.simple;
    replica.hold = true;
    using first = await door.connect();
    await first.request(INFER, {}, good);
    await replica.nextBatch();
    using second = await door.connect();
    await headOnly(second);
    const response = await second.response();
    assertRefused(response, 503, /1 are open, wanted fewer than max_open_requests 1/);
    assert.equal(response.headers["retry-after"], "1");
    replica.releaseAll();
    assert.equal((await first.response()).status, 200);
    await until(() => door.server.openRequests === 0);
    await second.write(Buffer.alloc(1000));
    await assertUsable(second);
  });

  test("a deployment that has failed, or has not loaded yet, is 503 before the body", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    door.simple.status = { state: "DEPLOY_FAILED", message: "cannot load /srv/models/a.onnx" };
    // What failed was a rollout: what served before still does.
    await connection.request(INFER, {}, good);
    assert.equal((await connection.response()).status, 200);
    door.simple.ready = false;
    await headOnly(connection);
    assertRefused(await connection.response(), 503, /Cannot use "simple": cannot load <path>/);
    await connection.write(Buffer.alloc(1000));

    door.simple.status = { state: "UPDATING", message: "" };
    door.simple.signature = undefined;
    await headOnly(connection);
    const response = await connection.response();
    assertRefused(response, 503, /Cannot use "simple" yet: no replica has loaded it/);
    assert.equal(response.headers["retry-after"], "1");
    await connection.write(Buffer.alloc(1000));
    await connection.request("GET /v2/models/simple");
    assertRefused(await connection.response(), 503, /no replica has loaded it/);
  });
});

describe("draining", () => {
  test("refuses what is new, answers what was admitted, and says that it is not ready", async () => {
    await using door = await openSimple();
    const { replica } = door.simple;
    replica.hold = true;
    using admitted = await door.connect();
    await admitted.request(INFER, {}, good);
    await replica.nextBatch();
    door.server.refuse();

    using late = await door.connect();
    await headOnly(late);
    const response = await late.response();
    assertRefused(response, 503, /the server is shutting down/);
    assert.equal(response.headers["connection"], "close");
    assert.equal(response.headers["x-should-retry"], "true");
    await late.ended();

    using probe = await door.connect();
    await probe.request("GET /v2/health/ready");
    assert.equal((await probe.response()).status, 503);
    await probe.request("GET /v2/health/live");
    assert.equal((await probe.response()).status, 200);

    const closed = door.server.close(60_000);
    replica.releaseAll();
    assert.equal((await admitted.response()).status, 200);
    await closed;
    await probe.ended();
    await assert.rejects(door.connect(), { code: "ECONNREFUSED" });
  });

  test("closing cuts what is still open, and is the same promise every time", async () => {
    await using door = await openSimple();
    door.simple.replica.hold = true;
    using connection = await door.connect();
    await connection.request(INFER, {}, good);
    await door.simple.replica.nextBatch();
    const closing = door.server.close();
    assert.equal(door.server.close(), closing);
    await closing;
    await connection.ended();
  });
});

test("two doors on one port: the second is refused by the system's error", async () => {
  await using door = await openSimple();
  const port = Number(new URL(door.url).port);
  await assert.rejects(open([], { port }), { code: "EADDRINUSE" });
});
