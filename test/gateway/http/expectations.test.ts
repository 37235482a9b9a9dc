// Clients that ask before they send a body.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import { good, INFER, LIMITS, openSimple } from "./support.ts";
import { openWeb } from "./web-door.ts";

const asking = (byteLength: number): Record<string, string> => ({
  expect: "100-continue",
  "content-length": String(byteLength),
});

const GO_ON = "HTTP/1.1 100 Continue\r\n\r\n";

describe("Expect: 100-continue", () => {
  test("is answered when the body is about to be read", async () => {
    await using door = await openSimple();
    using connection = await door.connect();
    for (let request = 0; request < 2; request++) {
      await connection.request(INFER, asking(good.length));
      assert.equal(String(await connection.chunk()), GO_ON);
      await connection.write(good);
      assert.equal((await connection.response()).status, 200);
    }
  });

  test("of a module's own request is answered when it is passed on", async () => {
    await using door = await openWeb((request, response) => void request.pipe(response));
    using connection = await door.connect();
    await connection.request("POST /web", asking(5));
    assert.equal(String(await connection.chunk()), GO_ON);
    await connection.write("hello");
    assert.equal((await connection.response()).body.toString(), "hello");
  });

  for (const [what, byteLength, status] of [
    ["a queue that is full", good.length, 429],
    ["a body that is too large", LIMITS.maxBodyBytes + 1, 413],
  ] as const) {
    test(`is answered by the refusal alone for ${what}`, async () => {
      await using door = await openSimple();
      const { dispatcher } = door.simple;
      if (status === 429) dispatcher.refuseAll(new ShoalError("QUEUE_FULL", "full"));
      using connection = await door.connect();
      await connection.request(INFER, asking(byteLength));
      const answer = String(await connection.ended());
      assert(answer.startsWith(`HTTP/1.1 ${status} `), answer);
      assert.match(answer, /connection: close\r\n/i);
    });
  }
});

test("an expectation that nobody knows is left unheeded", async () => {
  await using door = await openSimple();
  using connection = await door.connect();
  await connection.request(INFER, { expect: "a-miracle" }, good);
  assert.equal((await connection.response()).status, 200);
});
