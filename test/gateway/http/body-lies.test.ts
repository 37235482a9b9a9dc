// Bodies that are not what their headers say, or are refused before they have come.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertRefused, assertUsable, good, INFER, LIMITS, openSimple } from "./support.ts";

describe("lies about lengths", () => {
  test("a Content-Length past the body waits for the rest, and the answer is right once it came", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    const padded = `${good}   `;
    await connection.request(INFER, { "content-length": String(padded.length) }, good);
    await connection.write("   ");
    assert.equal((await connection.response()).status, 200);
    await assertUsable(connection);
  });

  test("a client that leaves before the body it announced takes nothing with it", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await connection.request(INFER, { "content-length": "100000" }, good);
    connection.reset();
    using next = await door.connect();
    await assertUsable(next);
    assert.equal(door.simple.replica.received.length, 1);
  });

  test("a Content-Length short of the body: what follows is no request, and ends the connection", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await connection.request(INFER, { "content-length": "50" }, good);
    assertRefused(await connection.response(), 400, /not valid HTTP\/1\.1/);
    await connection.ended();
    assert.equal(door.simple.replica.received.length, 0);
  });

  for (const [name, headers] of Object.entries({
    "a Content-Length that is no number": "Content-Length: many\r\n",
    "two Content-Lengths": "Content-Length: 5\r\nContent-Length: 6\r\n",
    "a Content-Length beside chunks": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "a negative Content-Length": "Content-Length: -5\r\n",
  })) {
    test(`${name} ends the connection with 400`, async () => {
      await using door = await openSimple();
      using connection = await door.connect();
      await connection.write(`${INFER} HTTP/1.1\r\nHost: x\r\n${headers}\r\nhello`);
      assertRefused(await connection.response(), 400, /not valid HTTP\/1\.1/);
      await connection.ended();
    });
  }

  test("what is no HTTP is answered with 400", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await connection.write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc");
    assertRefused(await connection.response(), 400, /not valid HTTP\/1\.1/);
    await connection.ended();
  });

  for (const [name, size] of [
    ["headers just past the limit", 17_000],
    ["headers far past it", 2_000_000],
  ] as const) {
    test(`${name} are refused with 431`, async () => {
      await using door = await openSimple();
      using connection = await door.connect();
      void connection.request("GET /v2", { "x-long": "x".repeat(size) });
      assertRefused(await connection.response(), 431, /larger than max_header_bytes/);
      await connection.ended();
    });
  }
});

describe("a refusal before the body has come", () => {
  test("is told at once, and the connection answers again once the client has sent what it announced", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    const size = LIMITS.maxBodyBytes + 10_000;
    await connection.request(INFER, { "content-length": String(size) });
    assertRefused(await connection.response(), 413, /found announced 272144 bytes/);
    for (let sent = 0; sent < size; sent += 1_000)
      await connection.write(Buffer.alloc(Math.min(1_000, size - sent)));
    await assertUsable(connection);
  });

  test("does not make us read for ever: past twice the limit the connection ends", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await connection.request(INFER, { "content-length": "1000000000000" });
    assertRefused(await connection.response(), 413, /found announced 1000000000000 bytes/);
    const piece = Buffer.alloc(16 * 1024);
    while (!connection.isEnded) await connection.write(piece);
    using next = await door.connect();
    await assertUsable(next);
  });

  test("the same of a body in chunks without an end, refused for its model", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    await connection.request("POST /v2/models/nobody/infer", { "transfer-encoding": "chunked" });
    assertRefused(await connection.response(), 404, /unknown model/);
    const piece = Buffer.concat([Buffer.from("4000\r\n"), Buffer.alloc(0x4000), Buffer.from("\r\n")]);
    while (!connection.isEnded) await connection.write(piece);
  });
});
