// The bound on the bodies of open requests: what counts, who is refused, and that all of it is given back.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { readBody } from "../../../gateway/http/body.ts";
import { OpenBodies } from "../../../gateway/http/open-bodies.ts";
import { RawConnection } from "../../support/raw-http.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import { until } from "../../support/until.ts";
import { assertRefused, type Door, FakeDeployment, identity, open } from "./support.ts";

const KIB = 1024;
const BOUND = 100 * KIB;
const INFER = "POST /v2/models/big/infer";
const FULL = /wanted at most max_open_body_bytes 102400/;

const BROKEN = new ShoalError("ENGINE_FAILED", "it broke");

async function openBig(): Promise<Door & { big: FakeDeployment }> {
  const big = new FakeDeployment("big", identity("UINT8", [-1, -1]));
  // Of its own, as a replica's are: those of the request are freed with it.
  big.replica.outputs = (inputs) =>
    inputs.map(({ bytes, ...input }) => ({ ...input, name: "y", bytes: new Uint8Array(bytes) }));
  return { ...(await open([big], { limits: { maxOpenBodyBytes: BOUND, maxElements: BOUND } })), big };
}

/** A binary request of `size` elements. */
function binary(size: number): readonly [Record<string, string>, Buffer] {
  const header = JSON.stringify({
    inputs: [{ name: "x", datatype: "UINT8", shape: [1, size], parameters: { binary_data_size: size } }],
  });
  const body = Buffer.concat([Buffer.from(header), Buffer.alloc(size, 7)]);
  return [{ "inference-header-content-length": String(header.length) }, body];
}

async function send(connection: RawConnection, size: number): Promise<void> {
  await connection.request(INFER, ...binary(size));
}

async function statusOf(connection: RawConnection): Promise<number> {
  return (await connection.response()).status;
}

/** All room is there again: a body that needs nearly all of it is taken. */
async function assertEmpty(door: Door): Promise<void> {
  using connection = await door.connect();
  await send(connection, BOUND - KIB);
  assert.equal(await statusOf(connection), 200);
}

describe("the bodies of open requests", () => {
  test("are bounded together; one more is 503 with Retry-After before it is read (invariant 1)", async () => {
    await using door = await openBig();
    const { replica } = door.big;
    replica.hold = true;
    using first = await door.connect();
    await send(first, 60 * KIB);
    await replica.nextBatch();
    using second = await door.connect();
    const [headers, body] = binary(60 * KIB);
    await second.request(INFER, { ...headers, "content-length": String(body.byteLength) });
    const response = await second.response();
    assertRefused(response, 503, FULL);
    assert.equal(response.headers["retry-after"], "1");
    assert.equal(response.headers["x-should-retry"], "true");

    replica.releaseAll();
    replica.hold = false;
    assert.equal(await statusOf(first), 200);
    await second.write(body); // what was refused is read and forgotten
    await send(second, 60 * KIB);
    assert.equal(await statusOf(second), 200, "there is room again, on the same connection");
    await assertEmpty(door);
  });

  test("small ones are not counted", async () => {
    await using door = await openBig();
    const { replica } = door.big;
    replica.hold = true;
    using first = await door.connect();
    await send(first, 90 * KIB);
    await replica.nextBatch();
    using second = await door.connect();
    await send(second, 12 * KIB);
    replica.releaseAll();
    replica.hold = false;
    assert.deepEqual([await statusOf(first), await statusOf(second)], [200, 200]);
  });

  /** What its replica was given. */
  const givenTo = ({ replica }: FakeDeployment): Uint8Array[] =>
    replica.received.flatMap(({ inputs }) => inputs.map(({ bytes }) => bytes));

  const freed = (bytes: readonly Uint8Array[]): Promise<void> =>
    until(() => bytes.every(({ byteLength }) => byteLength === 0));

  for (const [what, status, failure] of [
    ["their answer", 200, undefined],
    ["their failure", 500, BROKEN],
  ] as const) {
    test(`are freed with ${what}, whether they came as tensors or as JSON`, async () => {
      await using door = await openBig();
      const { big } = door;
      big.replica.fail = failure;
      using connection = await door.connect();
      await send(connection, 60 * KIB);
      assert.equal(await statusOf(connection), status);
      const list = JSON.stringify([Array.from({ length: 20 * KIB }, () => 7)]);
      await connection.request("POST /big", {}, list);
      assert.equal(await statusOf(connection), status);
      assert.equal(givenTo(big).length, 2);
      await freed(givenTo(big));
    });
  }

  test("are freed when their client leaves, though a replica has them", async () => {
    await using door = await openBig();
    const { replica } = door.big;
    replica.hold = true;
    {
      using gone = await door.connect();
      await send(gone, 60 * KIB);
      await replica.nextBatch();
    }
    await freed(givenTo(door.big));
    replica.held[0]?.release({ kind: "failed", error: BROKEN });
  });

  test("count as they grow where their length is not announced", async () => {
    await using door = await openBig();
    using connection = await door.connect();
    await connection.request(INFER, { "transfer-encoding": "chunked" });
    const piece = Buffer.alloc(30 * KIB);
    const head = Buffer.from(`${piece.byteLength.toString(16)}\r\n`);
    for (let sent = 0; sent < 4; sent++) {
      await connection.write(Buffer.concat([head, piece, Buffer.from("\r\n")]));
    }
    assertRefused(await connection.response(), 503, FULL);
    await assertEmpty(door);
  });

  test("count decompressed; one that alone is too large once unpacked is the client's fault", async () => {
    await using door = await openBig();
    const { replica } = door.big;
    replica.hold = true;
    using first = await door.connect();
    await send(first, 60 * KIB);
    await replica.nextBatch();
    using second = await door.connect();
    const [headers, body] = binary(60 * KIB);
    await second.request(INFER, { ...headers, "content-encoding": "gzip" }, gzipSync(body));
    assertRefused(await second.response(), 503, FULL);
    replica.releaseAll();
    replica.hold = false;
    assert.equal(await statusOf(first), 200);
    await assertEmpty(door);
  });

  test("are given back when the request is refused, and when its client goes away", async () => {
    await using door = await openBig();
    using faulty = await door.connect();
    await faulty.request(INFER, {}, "x".repeat(60 * KIB));
    assertRefused(await faulty.response(), 400, /not valid JSON|Cannot read the JSON/);
    await assertEmpty(door);

    const { replica } = door.big;
    replica.hold = true;
    {
      using gone = await door.connect();
      await send(gone, 60 * KIB);
      await replica.nextBatch();
    }
    await until(() => door.server.openRequests === 0);
    replica.releaseAll();
    replica.hold = false;
    await assertEmpty(door);
  });

  test("hold nothing of a client that leaves while its body is decompressed (invariant 3)", async () => {
    const openBodies = new OpenBodies(1024 * KIB);
    const limits = { maxBodyBytes: 1024 * KIB, maxDecompressedBytes: 1024 * KIB, openBodies };
    const read = Promise.withResolvers<unknown>();
    const server = createServer((request, response) => {
      readBody(request, limits, 60_000).then(read.resolve, read.reject);
      request.once("end", () => request.socket.destroy()); // the body is whole, and packed
      response.once("close", () => OpenBodies.release(request));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    using connection = await RawConnection.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await connection.request("POST /", { "content-encoding": "gzip" }, gzipSync(Buffer.alloc(512 * KIB)));
    await assert.rejects(read.promise, { code: "CANCELLED" });
    assert.equal(openBodies.bytes, 0);
  });
});
