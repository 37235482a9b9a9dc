// Whole web requests that go wrong: a far side that fails, bodies without bound, a door that is full.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pool } from "undici";
import { FakeReplica } from "../../support/fake-replica.ts";
import { until } from "../../support/until.ts";
import { assertRefused } from "./support.ts";
import { chunk, openWeb } from "./web-door.ts";

describe("a far side that fails", () => {
  test("before its answer is 503, and the connection goes on", async () => {
    let dies = true;
    await using door = await openWeb((request, response) => {
      if (dies) request.socket.destroy();
      else response.end("well");
    });
    using connection = await door.connect();
    await connection.request("GET /web");
    const response = await connection.response();
    assertRefused(response, 503, /^The replica of "web" ended before its answer did$/);
    assert.equal(response.headers["retry-after"], "1");
    dies = false;
    await connection.request("GET /web");
    assert.equal((await connection.response()).body.toString(), "well");
  });

  for (const [name, headers] of [
    ["of announced length", { "content-length": "100" }],
    ["in chunks", {}],
  ] as const) {
    test(`in the middle of an answer ${name} cuts the connection: no half answer looks whole (invariant 2)`, async () => {
      await using door = await openWeb((request, response) => {
        response.writeHead(200, headers);
        response.write("half", () => request.socket.destroy());
      });
      using connection = await door.connect();
      await connection.request("GET /web");
      const got = (await connection.ended()).toString();
      assert(!got.includes("\r\n0\r\n"), got);
      assert.match(got, /half/);
      await until(() => door.web.dispatcher.open === 0);
    });
  }

  test("by a header that cannot be passed on is 503, not silence", async () => {
    await using door = await openWeb((request) => {
      request.socket.end("HTTP/1.1 200 OK\r\nX-Bad: a\x01b\r\nContent-Length: 0\r\n\r\n");
    });
    using connection = await door.connect();
    await connection.request("GET /web");
    assertRefused(await connection.response(), 503, /"web"/);
  });

  test("before anything reached it: a request without a body goes to another, one with a body is 503", async () => {
    await using door = await openWeb((_request, response) => response.end("well"));
    const nobody = new Pool("http://replica", { socketPath: "/nonexistent/web.sock" });
    door.web.dispatcher.removeReplica(door.web.replica.id);
    door.web.dispatcher.addReplica(new FakeReplica({ id: "gone", connections: nobody }));
    using connection = await door.connect();
    await connection.request("POST /web", {}, "spent");
    assertRefused(await connection.response(), 503, /^The replica of "web" ended/);
    await connection.request("GET /web");
    await until(() => door.web.dispatcher.queued === 1);
    door.web.dispatcher.removeReplica("gone");
    door.web.dispatcher.addReplica(door.web.replica);
    assert.equal((await connection.response()).body.toString(), "well");
    await nobody.destroy();
  });

  test("by answering no HTTP is 503", async () => {
    await using door = await openWeb((request) => void request.socket.end("nonsense\r\n\r\n"));
    using connection = await door.connect();
    await connection.request("GET /web");
    assertRefused(await connection.response(), 503, /"web"/);
  });

  test("to begin in time is 504; once it has begun no deadline counts", async () => {
    const begin = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    await using door = await openWeb((request, response) => {
      if (request.url === "/web/slow") return;
      response.writeHead(200);
      response.write("a", () => begin.resolve());
      void end.promise.then(() => response.end("b"));
    });
    using connection = await door.connect();
    // A door that stands still for so long answers before the far side has heard of it: then it gets more time.
    for (let timeoutMs = 250; door.seen.length === 0; timeoutMs *= 2) {
      await connection.request("GET /web/slow", { "x-request-timeout-ms": String(timeoutMs) });
      assertRefused(await connection.response(), 504, /deadline passed/);
    }

    await connection.request("GET /web/long", { "x-request-timeout-ms": "10000" });
    await begin.promise;
    end.resolve();
    assert.equal((await connection.response()).body.toString(), "ab");
  });
});

describe("bounds on a body", () => {
  test("announced past the limit: 413 before the far side hears of it", async () => {
    await using door = await openWeb((_request, response) => response.end());
    using connection = await door.connect();
    await connection.request("POST /web", {}, "x".repeat(300 * 1024));
    assertRefused(await connection.response(), 413, /found announced 307200 bytes, wanted at most 262144/);
    assert.equal(door.seen.length, 0);
    await connection.request("GET /web");
    assert.equal((await connection.response()).status, 200);
  });

  test("past the limit in chunks: 413, and the far side is cut off", async () => {
    const aborted = Promise.withResolvers<void>();
    await using door = await openWeb((request, response) => {
      if (request.method === "GET") {
        response.end("well");
        return;
      }
      request.resume();
      request.on("error", () => undefined);
      request.on("close", aborted.resolve);
    });
    using connection = await door.connect();
    await connection.request("POST /web", { "transfer-encoding": "chunked" });
    const piece = chunk("x".repeat(16 * 1024));
    for (let sent = 0; sent <= 256; sent += 16) await connection.write(piece);
    assertRefused(await connection.response(), 413, /found \d+ bytes and more, wanted at most 262144/);
    await aborted.promise;
    await connection.write("0\r\n\r\n");
    await connection.request("GET /web");
    assert.equal((await connection.response()).body.toString(), "well");
  });

  test("an answer before the body was read leaves the connection usable once it has come", async () => {
    await using door = await openWeb((_request, response) => response.writeHead(200).end("early"));
    using connection = await door.connect();
    await connection.request("POST /web", { "content-length": "200000" }, "x");
    assert.equal((await connection.response()).body.toString(), "early");
    await connection.write(Buffer.alloc(199_999));
    await connection.request("GET /web");
    assert.equal((await connection.response()).body.toString(), "early");
  });
});

describe("admission", () => {
  test("a full queue is 429 before the body, a client that leaves gives its place up", async () => {
    let answer: (() => void) | undefined;
    await using door = await openWeb((_request, response) => {
      answer = () => void response.end("done");
    });
    const { dispatcher } = door.web;
    using first = await door.connect();
    await first.request("GET /web");
    await until(() => door.seen.length === 1);
    const waiting = [await door.connect(), await door.connect()];
    for (const connection of waiting) await connection.request("GET /web");
    await until(() => dispatcher.queued === 2);
    using refused = await door.connect();
    await refused.request("POST /web", { "content-length": "10" });
    assertRefused(await refused.response(), 429, /2 wait already/);
    for (const connection of waiting) connection.reset();
    await until(() => dispatcher.queued === 0);
    answer?.();
    assert.equal((await first.response()).body.toString(), "done");
    assert.equal(door.seen.length, 1, "nobody else's request reached the far side");
  });
});
