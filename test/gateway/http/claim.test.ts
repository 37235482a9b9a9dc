// Priority, tenant and the debug header, through a real door.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RawConnection, RawResponse } from "../../support/raw-http.ts";
import { until } from "../../support/until.ts";
import { assertRefused, good, goodInputs, INFER, openSimple } from "./support.ts";

async function ask(
  connection: RawConnection,
  headers: Record<string, string>,
  body = good,
): Promise<RawResponse> {
  await connection.request(INFER, headers, body);
  return connection.response();
}

/** Sends these while the replica is busy, and says in which order they were run, by the first number of each. */
async function orderOf(
  requests: readonly { headers?: Record<string, string>; parameters?: object }[],
): Promise<number[]> {
  await using door = await openSimple();
  const { replica, dispatcher } = door.simple;
  dispatcher.setPolicy({
    ...dispatcher.policy,
    maxBatchSize: 1,
    maxQueuedRequests: 10,
    tenants: { header: "x-tenant", weights: { gold: 2 } },
  });
  replica.hold = true;
  const bodyOf = (value: number, parameters: object = {}): string => {
    const inputs = goodInputs.map((input) => ({ ...input, data: [value, 0, 0, 0] }));
    return JSON.stringify({ inputs, parameters });
  };
  const connections = await Promise.all([undefined, ...requests].map(() => door.connect()));
  await connections[0]?.request(INFER, {}, bodyOf(0));
  const first = await replica.nextBatch();
  for (const [index, { headers = {}, parameters }] of requests.entries()) {
    await connections[index + 1]?.request(INFER, headers, bodyOf(index + 1, parameters));
    await until(() => dispatcher.queued === index + 1);
  }
  first.release();
  replica.releaseAll();
  for (const connection of connections) assert.equal((await connection.response()).status, 200);
  return replica.received
    .slice(1)
    .map(({ inputs }) => new Int32Array(inputs[0]?.bytes.slice().buffer ?? [])[0] ?? -1);
}

describe("a request's standing", () => {
  test("is its priority by header: the higher is served first", async () => {
    const order = await orderOf([
      { headers: { "x-shoal-priority": "low" } },
      {},
      { headers: { "x-shoal-priority": "HIGH" } },
    ]);
    assert.deepEqual(order, [3, 2, 1]);
  });

  test("is its V2 parameter, by number or name, unless a header says otherwise", async () => {
    const order = await orderOf([
      { parameters: { priority: 3 } },
      { parameters: { priority: 0 } },
      { parameters: { priority: "high" } },
      { parameters: { priority: 1 }, headers: { "x-shoal-priority": "low" } },
    ]);
    assert.deepEqual(order, [3, 2, 1, 4]);
  });

  test("is its tenant's: who has more waiting does not come before others", async () => {
    const flood = { headers: { "x-tenant": "flood" } };
    const order = await orderOf([flood, flood, flood, flood, { headers: { "x-tenant": "other" } }]);
    assert(order.indexOf(5) <= 1, String(order));
  });

  for (const [what, headers, body, message] of [
    [
      "header",
      { "x-shoal-priority": "urgent" },
      good,
      /x-shoal-priority: found "urgent", wanted high, normal, low/,
    ],
    [
      "parameter",
      {},
      JSON.stringify({ inputs: goodInputs, parameters: { priority: -1 } }),
      /priority -1, wanted/,
    ],
  ] satisfies [string, Record<string, string>, string, RegExp][]) {
    test(`is refused when its priority is none (${what})`, async () => {
      await using door = await openSimple();
      using connection = await door.connect();
      assertRefused(await ask(connection, headers, body), 400, message);
      assert.equal((await ask(connection, {})).status, 200);
    });
  }
});

describe("x-shoal-debug: batching", () => {
  test("is answered with why the batch had no more rows; others are told nothing", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    const told = await ask(connection, { "x-shoal-debug": "batching" });
    assert.match(
      told.headers["x-shoal-batching"] ?? "",
      /^reason=replica_idle; requests=1; rows=1; queue_ms=\d+\.\d\d$/,
    );
    assert.equal((await ask(connection, {})).headers["x-shoal-batching"], undefined);
    assert.equal(
      (await ask(connection, { "x-shoal-debug": "tracing" })).headers["x-shoal-batching"],
      undefined,
    );
  });

  test("has its counters among the statistics", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await ask(connection, {});
    await connection.request("GET /v2/models/simple/stats", {});
    const body = JSON.parse((await connection.response()).body.toString()) as {
      model_stats: { dispatch: { batch_reasons: Record<string, number> } }[];
    };
    assert.equal(body.model_stats[0]?.dispatch.batch_reasons["replica_idle"], 1);
  });
});
