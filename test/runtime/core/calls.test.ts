// Calls and streams between a parent and a real actor process.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShoalError } from "../../../runtime/base/index.ts";
import type { ProcessActor } from "../../../runtime/core/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import type { Probe } from "./fixtures/probe.ts";
import { startProbe } from "./support.ts";

describe("calls of an actor", { timeout: 600_000 }, () => {
  it("returns results with their types, in the order of the calls", async () => {
    await using actor = await startProbe({ args: [10] });
    const sums = await Promise.all([1, 2, 3].map((amount) => actor.call("add", [amount])));
    assert.deepEqual(sums, [11, 13, 16]);
    assert.deepEqual(await actor.call("whoami"), { actor: "probe", method: "whoami" });
  });

  it("carries what structured clone carries", async () => {
    await using actor = await startProbe();
    const value = {
      bytes: new Uint8Array([1, 2]),
      map: new Map([["a", 1n]]),
      date: new Date(0),
      gone: undefined,
    };
    assert.deepEqual(await actor.call("echo", [value]), value);
    const large = new Float32Array(1_000_000).fill(0.5);
    assert.deepEqual(await actor.call("echo", [large]), large);
  });

  it("passes on what a method throws, with its code and its stack", async () => {
    await using actor = await startProbe();
    await assert.rejects(actor.call("throwError"), (error) => {
      assert(error instanceof ShoalError);
      assert.equal(error.code, "CALL_FAILED");
      assert.equal(error.message, "not like this");
      assert.match(error.remoteStack ?? "", /TypeError: not like this[^]*probe\.ts[^]*the deeper reason/);
      return true;
    });
    await assert.rejects(actor.call("throwText"), { code: "CALL_FAILED", message: "just text" });
    await assert.rejects(actor.call("throwShoalError"), (error) => {
      assert(error instanceof ShoalError);
      assert.deepEqual([error.code, error.message, error.retryAfterMs], ["OVERLOADED", "too much", 250]);
      assert.match(error.remoteStack ?? "", /throwShoalError/);
      return true;
    });
    await assert.rejects(actor.call("throwHostile"), { code: "CALL_FAILED" });
  });

  it("refuses arguments and results that cannot be sent, and loses nothing else", async () => {
    await using actor = await startProbe();
    const other = actor.call("add", [1]);
    await assert.rejects(
      actor.call("echo", [() => 1]),
      /Cannot call "echo" of actor "probe": an argument cannot be sent to another process: .*could not be cloned/,
    );
    await assert.rejects(actor.call("echo", [Symbol("s")]), { code: "INVALID_ARGUMENT" });
    await assert.rejects(actor.call("giveFunction"), {
      code: "CALL_FAILED",
      message: /Cannot send the result of "giveFunction" to another process: .*could not be cloned/,
    });
    assert.equal(await other, 1);
    assert.equal(await actor.call("add", [1]), 2);
  });

  it("refuses methods that are not there, private, or inherited from Object", async () => {
    await using actor = await startProbe();
    const untyped = actor as unknown as { call(method: string): Promise<unknown> };
    for (const method of ["nothing", "constructor", "toString", "__proto__", "#sum"]) {
      await assert.rejects(untyped.call(method), { code: "NOT_FOUND" }, method);
    }
    await assert.rejects(untyped.call("numbers"), { code: "INVALID_ARGUMENT", message: /returns a stream/ });
    await assert.rejects(untyped.call("letters"), { code: "INVALID_ARGUMENT", message: /returns a stream/ });
  });

  it("cancels a call at once here and through its signal there", async () => {
    await using actor = await startProbe();
    const abort = new AbortController();
    const call = actor.call("untilAborted", [], { signal: abort.signal });
    abort.abort(new Error("not needed any more"));
    await assert.rejects(call, { code: "CANCELLED", message: /not needed any more/ });
    assert.equal(await actor.call("abortSeen"), true);
    await assert.rejects(actor.call("add", [1], { signal: abort.signal }), { code: "CANCELLED" });
    assert.equal(await actor.call("add", [0]), 0, "a call cancelled before it began was not sent");
  });

  it("ends a call at its deadline, there too", async () => {
    const clock = new FakeClock();
    await using actor = await startProbe({ clock });
    const call = actor.call("untilAborted", [], { timeoutMs: 1_000 });
    // The timer is set before `call` returns.
    clock.advance(1_000);
    await assert.rejects(call, { code: "DEADLINE_EXCEEDED", message: /within 1000 ms/ });
    assert.equal(await actor.call("abortSeen"), true);
    await assert.rejects(actor.call("never", [], { signal: AbortSignal.timeout(1) }), {
      code: "DEADLINE_EXCEEDED",
    });
    assert.equal(clock.pending, 0);
  });

  it("refuses calls past the limit at once", async () => {
    await using actor = await startProbe({ maxPendingCalls: 2, stopGraceMs: 0 });
    const waiting = [actor.call("never"), actor.call("never")];
    await assert.rejects(actor.call("add", [1]), { code: "QUEUE_FULL" });
    const ended = assert.rejects(Promise.all(waiting), { code: "ACTOR_DIED" });
    await actor.kill();
    await ended;
  });

  it("is not confused by code that uses the channel itself", async () => {
    await using actor = await startProbe();
    await actor.call("sendNonsense");
    assert.equal(await actor.call("add", [4]), 4);
    assert.deepEqual(actor.state.kind === "ALIVE" && actor.state.incarnation, 1);
  });
});

describe("streams of an actor", { timeout: 600_000 }, () => {
  it("delivers every item in order, from any kind of generator and with any window", async () => {
    await using actor = await startProbe();
    for (const window of [1, 2, 3, 16]) {
      const items = await Array.fromAsync(actor.stream("numbers", [50], { window }));
      assert.deepEqual(
        items,
        Array.from({ length: 50 }, (_, index) => index),
      );
    }
    assert.deepEqual(await Array.fromAsync(actor.stream("letters")), ["a", "b"]);
    assert.deepEqual(await Array.fromAsync(actor.stream("numbers", [0])), []);
  });

  it("never lets the producer be more than its window ahead (call-table invariant 3)", async () => {
    await using actor = await startProbe();
    const window = 4;
    let consumed = 0;
    for await (const item of actor.stream("numbers", [10_000], { window })) {
      assert.equal(item, consumed);
      const produced = await actor.call("produced");
      assert(produced <= consumed + window, `${produced} produced, ${consumed} consumed before this one`);
      if (++consumed === 50) break;
    }
    assert.equal(await actor.call("streamClosed"), true, "leaving the loop closes the generator");
  });

  it("ends with the error of the producer, after what came before it", async () => {
    await using actor = await startProbe();
    const items: unknown[] = [];
    const collect = async (stream: AsyncIterable<unknown>): Promise<void> => {
      for await (const item of stream) items.push(item);
    };
    await assert.rejects(collect(actor.stream("breakingStream")), { code: "NOT_FOUND", message: "no third" });
    await assert.rejects(collect(actor.stream("unsendableStream")), { code: "CALL_FAILED" });
    assert.deepEqual(items, [1, 2, 1]);
    const untyped = actor as unknown as { stream(method: string): AsyncIterable<unknown> };
    await assert.rejects(collect(untyped.stream("produced")), { code: "INVALID_ARGUMENT" });
    await assert.rejects(collect(actor.stream("numbers", [1], { window: 0 })), { code: "INVALID_ARGUMENT" });
  });

  it("is cancelled by its signal, here and there", async () => {
    await using actor = await startProbe();
    const abort = new AbortController();
    const stream = actor.stream("waitingStream", [], { signal: abort.signal });
    assert.deepEqual(await stream.next(), { done: false, value: 1 });
    const next = stream.next();
    abort.abort();
    await assert.rejects(next, { code: "CANCELLED" });
    assert.equal(await actor.call("abortSeen"), true);
  });

  it("fails with the process", async () => {
    await using actor = await startProbe();
    const stream = actor.stream("waitingStream");
    await stream.next();
    const next = assert.rejects(stream.next(), { code: "ACTOR_DIED" });
    await actor.kill();
    await next;
    await assert.rejects(actor.stream("numbers", [1]).next(), { code: "ACTOR_DIED" });
  });
});

/** Never run: what the types must refuse. */
export async function typesOf(actor: ProcessActor<typeof Probe>): Promise<void> {
  const sum: number = await actor.call("add", [1]);
  // @ts-expect-error no such method
  await actor.call("subtract", [1]);
  // @ts-expect-error wrong argument
  await actor.call("add", ["1"]);
  // @ts-expect-error the argument is needed
  await actor.call("add");
  // @ts-expect-error a stream is not called
  await actor.call("numbers", [1]);
  // @ts-expect-error a call is not streamed
  actor.stream("add", [1]);
  for await (const letter of actor.stream("letters")) letter.toUpperCase().repeat(sum);
  if (actor.state.kind === "ALIVE") actor.state.info.pid.toFixed();
}
