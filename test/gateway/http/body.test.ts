import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { discardBody, readBody } from "../../../gateway/http/body.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import { RawConnection } from "../../support/raw-http.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

interface Read {
  readonly hash?: string;
  readonly code?: string;
}

interface Echo extends AsyncDisposable {
  readonly url: string;
  /** The largest memory outside the heap seen while bodies were read, above what there was before. */
  grownBytes(): number;
  /** What became of the body whose connection is gone. */
  readonly lost: Promise<string>;
}

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const LONG_MS = 60_000;

/** A server that answers with the hash of what it read, or with the code of the error. */
async function echo(
  maxBodyBytes = 8 * MIB,
  maxDecompressedBytes = 8 * MIB,
  timeoutMs = LONG_MS,
): Promise<Echo> {
  const lost = Promise.withResolvers<string>();
  globalThis.gc?.();
  const before = process.memoryUsage().external;
  let most = before;
  const server = createServer((request, response) => {
    request.on("data", () => {
      most = Math.max(most, process.memoryUsage().external);
    });
    readBody(request, { maxBodyBytes, maxDecompressedBytes }, timeoutMs).then(
      (body) => response.end(JSON.stringify({ hash: hashOf(body) } satisfies Read)),
      (error: unknown) => {
        const code = error instanceof ShoalError ? error.code : String(error);
        most = Math.max(most, process.memoryUsage().external);
        lost.resolve(code);
        response.end(JSON.stringify({ code } satisfies Read));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    grownBytes: () => most - before,
    lost: lost.promise,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ask(
  server: Echo,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Read> {
  using connection = await RawConnection.open(server.url);
  await connection.request("POST /", headers, body);
  return JSON.parse((await connection.response()).body.toString()) as Read;
}

const chunk = (bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
const LAST_CHUNK = "0\r\n\r\n";

test("a body that stops coming is given up (invariant 4)", async () => {
  await using server = await echo(MIB, MIB, 20);
  using connection = await RawConnection.open(server.url);
  await connection.request("POST /", { "content-length": "10" }, "abc");
  assert.deepEqual(JSON.parse((await connection.response()).body.toString()), { code: "REQUEST_TIMEOUT" });
});

describe("a body arrives whole", () => {
  for (const size of [0, 1, 1_000, 64 * KIB, MIB - 1, MIB, MIB + 1, 5 * MIB]) {
    const body = randomBytes(size);
    test(`${size} bytes, announced`, async () => {
      await using server = await echo();
      assert.deepEqual(await ask(server, body), { hash: hashOf(body) });
    });

    test(`${size} bytes, in chunks`, async () => {
      await using server = await echo();
      const sent =
        size === 0 ? Buffer.from(LAST_CHUNK) : Buffer.concat([chunk(body), Buffer.from(LAST_CHUNK)]);
      assert.deepEqual(await ask(server, sent, { "transfer-encoding": "chunked" }), { hash: hashOf(body) });
    });
  }

  test("announced, and sent a byte at a time", async () => {
    await using server = await echo();
    using connection = await RawConnection.open(server.url);
    const body = randomBytes(200);
    await connection.request("POST /", { "content-length": "200" });
    for (const byte of body) await connection.write(Uint8Array.of(byte));
    assert.deepEqual(JSON.parse((await connection.response()).body.toString()), { hash: hashOf(body) });
  });

  test("in 10,000 tiny chunks, in memory that follows what arrived (invariant 2)", async () => {
    await using server = await echo();
    using connection = await RawConnection.open(server.url);
    const body = randomBytes(30_000);
    await connection.request("POST /", { "transfer-encoding": "chunked" });
    for (let at = 0; at < body.byteLength; at += 300) {
      const pieces = Array.from({ length: 100 }, (_, index) =>
        chunk(body.subarray(at + index * 3, at + index * 3 + 3)),
      );
      await connection.write(Buffer.concat(pieces));
    }
    await connection.write(LAST_CHUNK);
    assert.deepEqual(JSON.parse((await connection.response()).body.toString()), { hash: hashOf(body) });
    assert(server.grownBytes() < 8 * MIB, `${server.grownBytes()} bytes for 30,000`);
  });

  test("a length announced and not sent takes no memory (invariant 2)", async () => {
    await using server = await echo(512 * MIB);
    const connections = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(server.url)));
    await Promise.all(
      connections.map((connection) =>
        connection.request("POST /", { "content-length": String(500 * MIB) }, "x"),
      ),
    );
    // A later request has been served: the earlier ones have been seen.
    assert.deepEqual(await ask(server, Buffer.from("y")), { hash: hashOf(Buffer.from("y")) });
    assert(server.grownBytes() < 32 * MIB, `${server.grownBytes()} bytes for 20`);
    for (const connection of connections) connection.reset();
  });
});

describe("a body past the limit", () => {
  test("is refused on what was announced, before a byte came (invariant 1)", async () => {
    await using server = await echo(1_000);
    using connection = await RawConnection.open(server.url);
    await connection.request("POST /", { "content-length": "1001" });
    assert.deepEqual(JSON.parse((await connection.response()).body.toString()), { code: "BODY_TOO_LARGE" });
  });

  test("is refused in the middle of its chunks", async () => {
    await using server = await echo(1_000);
    using connection = await RawConnection.open(server.url);
    await connection.request("POST /", { "transfer-encoding": "chunked" });
    await connection.write(chunk(Buffer.alloc(1_000)));
    await connection.write(chunk(Buffer.alloc(1)));
    assert.deepEqual(JSON.parse((await connection.response()).body.toString()), { code: "BODY_TOO_LARGE" });
  });

  test("of exactly the limit is taken", async () => {
    await using server = await echo(1_000);
    const body = randomBytes(1_000);
    assert.deepEqual(await ask(server, body), { hash: hashOf(body) });
  });
});

describe("compressed bodies", () => {
  const body = Buffer.from(JSON.stringify(Array.from({ length: 2_000 }, (_, index) => index)));
  for (const [name, encoding, packed] of [
    ["gzip", "gzip", gzipSync(body)],
    ["x-gzip", "x-gzip", gzipSync(body)],
    ["GZIP in capitals", " GZip ", gzipSync(body)],
    [
      "two gzip members behind each other",
      "gzip",
      Buffer.concat([gzipSync(body.subarray(0, 9)), gzipSync(body.subarray(9))]),
    ],
    ["deflate, which is zlib", "deflate", deflateSync(body)],
    ["deflate as some understand it, without zlib's header", "deflate", deflateRawSync(body)],
    ["deflate without a header, at other levels", "deflate", deflateRawSync(body, { level: 0 })],
    ["identity", "identity", body],
  ] as const) {
    test(`${name} is read`, async () => {
      await using server = await echo();
      assert.deepEqual(await ask(server, packed, { "content-encoding": encoding }), { hash: hashOf(body) });
    });
  }

  for (const [name, encoding, sent, code] of [
    ["br", "br", body, "UNSUPPORTED_ENCODING"],
    ["zstd", "zstd", body, "UNSUPPORTED_ENCODING"],
    ["two encodings", "gzip, deflate", body, "UNSUPPORTED_ENCODING"],
    ["plain text called gzip", "gzip", body, "INVALID_ARGUMENT"],
    ["plain text called deflate", "deflate", Buffer.from("\x08plain"), "INVALID_ARGUMENT"],
    ["a gzip cut off", "gzip", gzipSync(body).subarray(0, -9), "INVALID_ARGUMENT"],
    ["a gzip with a wrong checksum", "gzip", corrupt(gzipSync(body)), "INVALID_ARGUMENT"],
    ["nothing called gzip", "gzip", Buffer.alloc(0), "INVALID_ARGUMENT"],
  ] as const) {
    test(`${name} is refused`, async () => {
      await using server = await echo();
      assert.deepEqual(await ask(server, sent, { "content-encoding": encoding }), { code });
    });
  }

  test("of exactly the limit once decompressed is read, one byte more is not", async () => {
    await using server = await echo(MIB, body.byteLength);
    assert.deepEqual(await ask(server, gzipSync(body), { "content-encoding": "gzip" }), {
      hash: hashOf(body),
    });
    const more = gzipSync(Buffer.concat([body, Buffer.from("x")]));
    assert.deepEqual(await ask(server, more, { "content-encoding": "gzip" }), { code: "BODY_TOO_LARGE" });
  });

  for (const pack of [gzipSync, deflateSync, deflateRawSync]) {
    test(`a bomb by ${pack.name} takes memory within the limit`, async () => {
      const bomb = pack(Buffer.alloc(64 * MIB));
      await using server = await echo(MIB, 4 * MIB);
      const encoding = pack === gzipSync ? "gzip" : "deflate";
      assert.deepEqual(await ask(server, bomb, { "content-encoding": encoding }), { code: "BODY_TOO_LARGE" });
      assert(server.grownBytes() < 24 * MIB, `${server.grownBytes()} bytes for a limit of 4 MiB`);
    });
  }
});

test("a client that goes away in the middle of its body is CANCELLED", async () => {
  await using server = await echo();
  const connection = await RawConnection.open(server.url);
  await connection.request("POST /", { "content-length": "100" }, "half");
  connection.reset();
  assert.equal(await server.lost, "CANCELLED");
});

test("what is left of a refused body is waited for until its client goes away, and no longer (invariant 3)", async () => {
  const gone = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    request.socket.once("close", () => gone.resolve());
    discardBody(request, MIB);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  const connection = await RawConnection.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await connection.request("POST /", { "content-length": "100" }, "half");
  await connection.response();
  assert.equal(timers(), before + 1);
  connection.reset();
  await gone.promise;
  assert.equal(timers(), before);
  await new Promise((resolve) => server.close(resolve));
});

function corrupt(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  wrong.writeUInt32LE(0xdead_beef, bytes.byteLength - 8);
  return wrong;
}
