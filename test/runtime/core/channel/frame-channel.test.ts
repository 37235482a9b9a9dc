// Messages between two ends of a stream: in their order, whole, however the bytes are cut, and soon.

import assert from "node:assert/strict";
import { Duplex, duplexPair } from "node:stream";
import { suite, test } from "node:test";
import fc from "fast-check";
import { FrameChannel } from "../../../../runtime/core/channel/frame-channel.ts";
import { FrameReader } from "../../../../runtime/core/channel/frame-reader.ts";
import { checkProperty } from "../../../support/properties.ts";

interface Sent {
  readonly message: unknown;
  readonly parts: readonly Uint8Array[];
}

/** A stream that keeps what is written to it. */
function sink(): { readonly socket: Duplex; readonly written: Buffer[] } {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(Buffer.from(chunk));
      done();
    },
  });
  return { socket, written };
}

const DEAF = { onMessage: () => {}, onEnd: () => {} };

function read(chunks: readonly Buffer[]): Sent[] {
  const got: Sent[] = [];
  const reader = new FrameReader((message, parts) =>
    got.push({ message, parts: parts.map((part) => Uint8Array.from(part)) }),
  );
  for (const chunk of chunks) reader.read(chunk);
  return got;
}

const sent = fc.record({
  message: fc.oneof(fc.string(), fc.integer(), fc.dictionary(fc.string(), fc.integer())),
  parts: fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(40_000, 70_000).map((n) => new Uint8Array(n).fill(n)),
    ),
    { maxLength: 3 },
  ),
});

suite("a channel", () => {
  test("gives what was sent, in order, however it was cut (invariant 1)", (t) => {
    checkProperty(
      t,
      fc.property(
        fc.array(sent, { maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const { socket, written } = sink();
          const channel = new FrameChannel(socket, DEAF);
          for (const { message, parts } of messages) channel.send(message, parts);
          channel.flush();
          const bytes = Buffer.concat(written);
          const chunks: Buffer[] = [];
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const size = cuts[n % cuts.length] ?? 1;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          assert.deepEqual(
            read(chunks),
            JSON.parse(JSON.stringify(messages.map(({ message }) => message))).map(
              (message: unknown, index: number) => ({ message, parts: messages[index]?.parts }),
            ),
          );
        },
      ),
    );
  });

  test("sends what one turn says in one frame, and a long turn's before it is over", async () => {
    const { socket, written } = sink();
    const channel = new FrameChannel<unknown, number>(socket, DEAF);
    for (let n = 0; n < 10; n++) channel.send(n);
    assert.equal(written.length, 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(written.length, 1);
    for (let n = 10; n < 500; n++) channel.send(n);
    const early = read(written).length;
    assert.ok(early > 10 && early < 500, `${early} messages have left`);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      read(written).map(({ message }) => message),
      Array.from({ length: 500 }, (_, n) => n),
    );
  });

  test("says that it has ended once, after the last message (invariant 3)", async () => {
    const [here, there] = duplexPair();
    const heard: unknown[] = [];
    const ended = Promise.withResolvers<void>();
    const channel = new FrameChannel(here, DEAF);
    const _other = new FrameChannel(there, {
      onMessage: (message) => heard.push(message),
      onEnd: () => {
        heard.push("end");
        ended.resolve();
      },
    });
    channel.send("a");
    channel.send("b");
    void channel.close();
    await ended.promise;
    there.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heard, ["a", "b", "end"]);
    channel.send("too late");
  });
});
