import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ResponseReader } from "../../loadtests/http/response-reader.ts";

const PLAIN = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED =
  "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel\r\n\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: 1\r\n\r\n";
const EMPTY = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

function read(pieces: readonly Buffer[]): { ends: [number, boolean][]; busy: boolean } {
  const ends: [number, boolean][] = [];
  const reader = new ResponseReader((status, keepAlive) => void ends.push([status, keepAlive]));
  const shared = Buffer.alloc(4096);
  for (const piece of pieces) {
    // One buffer for every read, overwritten behind the reader's back, as the sockets do it (invariant 1).
    shared.fill(120);
    piece.copy(shared);
    reader.push(shared, piece.length);
  }
  return { ends, busy: reader.busy };
}

test("1: responses of every kind, cut anywhere, end where they end", () => {
  const stream = Buffer.from(PLAIN + CHUNKED + CONTINUE + PLAIN + EMPTY);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
      const edges = [0, ...cuts.toSorted((left, right) => left - right), stream.length];
      const pieces = edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge));
      assert.deepEqual(read(pieces), {
        ends: [
          [200, true],
          [201, true],
          [200, true],
          [429, false],
        ],
        busy: false,
      });
    }),
  );
});

test("a watch sees every head and every byte of the bodies, and nothing else, cut anywhere", () => {
  const stream = Buffer.from(PLAIN + CHUNKED + CONTINUE + EMPTY + PLAIN);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
      const heads: number[] = [];
      const bodies: string[] = [];
      let body = "";
      const reader = new ResponseReader(() => void bodies.push(body), {
        onHead: (status, bytes, from, to) => {
          heads.push(status);
          body = "";
          assert.match(Buffer.from(bytes.subarray(from, to)).toString(), /^HTTP[^]*\r\n\r\n$/);
        },
        onBody: (bytes, from, to) => {
          body += Buffer.from(bytes.subarray(from, to)).toString();
        },
      });
      const edges = [0, ...cuts.toSorted((left, right) => left - right), stream.length];
      edges.slice(1).forEach((edge, index) => {
        const piece = Buffer.from(stream.subarray(edges[index], edge));
        reader.push(piece, piece.length);
      });
      assert.deepEqual(heads, [200, 201, 100, 429, 200]);
      assert.deepEqual(bodies, ["hello", "hel\r\nabcdefghijklmnopqrstuvwxyz", "", "hello"]);
    }),
  );
});

test("an answer without a length ends with the connection; one that has none by its status does not wait for it", () => {
  const ends: [number, boolean][] = [];
  const reader = new ResponseReader((status, keepAlive) => void ends.push([status, keepAlive]));
  const push = (text: string): void => reader.push(Buffer.from(text), text.length);
  push("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  push("HTTP/1.0 200 OK\r\n\r\nto the end");
  assert.deepEqual(ends, [[204, false]]);
  reader.close();
  reader.close();
  assert.deepEqual(ends, [
    [204, false],
    [200, false],
  ]);
  assert.equal(reader.busy, false);
});

test("half a response is no response", () => {
  assert.deepEqual(read([Buffer.from(PLAIN.slice(0, -1))]), { ends: [], busy: true });
  assert.deepEqual(read([Buffer.from(PLAIN.slice(0, 20))]), { ends: [], busy: true });
});

test("what is no HTTP is refused", () => {
  assert.throws(() => read([Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")]), /found "SSH-2.0-OpenSSH_9.2/);
});
