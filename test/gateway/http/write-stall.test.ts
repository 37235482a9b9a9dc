// Clients that do not read (invariant 3 of the door). A connection without a request is cut off after the same silence, so
// its end is the clock of these tests.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { RawConnection } from "../../support/raw-http.ts";
import { ADD_SUB, addSub, type Door, FakeDeployment, good, INFER, open } from "./support.ts";

const STALL_MS = 40;
/** More than the buffers of two sockets hold. */
const ANSWER_BYTES = 48 * 1024 * 1024;

async function openStalling(writeStallMs: number): Promise<Door & { simple: FakeDeployment }> {
  const simple = new FakeDeployment("simple", ADD_SUB);
  simple.replica.outputs = addSub;
  return { ...(await open([simple], { writeStallMs })), simple };
}

/** Resolves when a connection opened now has been silent for too long. */
async function silence(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.resume();
  await once(socket, "close");
}

function largeAnswer(simple: FakeDeployment): void {
  const bytes = new Uint8Array(ANSWER_BYTES);
  const shape = [1, ANSWER_BYTES / 4];
  simple.replica.outputs = () =>
    ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, datatype: "INT32", shape, bytes }));
}

const BINARY = JSON.stringify({ ...(JSON.parse(good) as object), parameters: { binary_data_output: true } });

/** Sends a request for the large answer over a connection that nobody reads yet. */
function ask(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => undefined);
  socket.write(
    `${INFER} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${BINARY.length}\r\n\r\n`,
  );
  socket.write(BINARY);
  return socket;
}

/**
 * What `send` sent once the door has the request. Where this process stands still for as long as a silence, the door cuts the
 * connection off before it has read what was sent: then it is sent again.
 */
async function admitted<Sent>(
  { server }: Door,
  send: () => Sent | Promise<Sent>,
  isCut: (sent: Sent) => boolean,
): Promise<Sent> {
  for (;;) {
    const sent = await send();
    await until(() => server.openRequests === 1 || isCut(sent));
    if (server.openRequests === 1) return sent;
  }
}

/** Bytes that are still read from the connection until its end. */
async function readAll(socket: Socket): Promise<number> {
  let read = 0;
  socket.on("data", (chunk: Buffer) => (read += chunk.byteLength)).resume();
  await once(socket, "close");
  return read;
}

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setImmediate(resolve));
}

describe("a client", { timeout: 60_000 }, () => {
  test("that does not read its answer is cut off", async () => {
    await using door = await openStalling(STALL_MS);
    largeAnswer(door.simple);
    const socket = await admitted(
      door,
      () => ask(door.url),
      ({ closed }) => closed,
    );
    await until(() => door.server.openRequests === 0);
    await assert.rejects(readAll(socket), { code: "ECONNRESET" }); // no end that waits behind what it did not read
  });

  test("that reads its answer gets all of it, although it is more than buffers hold", async () => {
    await using door = await openStalling(10_000);
    largeAnswer(door.simple);
    const read = await readAll(ask(door.url));
    assert(read > 2 * ANSWER_BYTES, `read ${read}`);
  });

  test("that waits for its answer, however long, gets it", async () => {
    await using door = await openStalling(STALL_MS);
    const { replica } = door.simple;
    replica.hold = true;
    using connection = await admitted(
      door,
      async () => {
        const sent = await RawConnection.open(door.url);
        await sent.request(INFER, {}, good);
        return sent;
      },
      ({ isEnded }) => isEnded,
    );
    await replica.nextBatch();
    for (let times = 0; times < 3; times++) await silence(door.url);
    assert.equal(door.server.openRequests, 1);
    replica.releaseAll();
    assert.equal((await connection.response()).status, 200);
  });
});
