import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../runtime/base/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("the system's clock never goes back, and tells the epoch beside it (invariant 1)", () => {
  let before = systemClock.nowMs();
  for (let turn = 0; turn < 1_000; turn++) {
    const now = systemClock.nowMs();
    assert(now >= before);
    before = now;
  }
  assert(systemClock.epochMs() > Date.UTC(2020, 0));
});

test("a timer fires once; a cancelled one never (invariant 2)", async () => {
  const cancelled = systemClock.timer(0, () => assert.fail("was cancelled"));
  cancelled.cancel();
  const fired = Promise.withResolvers<void>();
  const timer = systemClock.timer(0, fired.resolve);
  await fired.promise;
  timer.cancel();
  const behind = Promise.withResolvers<void>();
  systemClock.timer(1, behind.resolve);
  await behind.promise;
});

test("a delay below zero, or longer than Node's timers can hold, does not fire at the wrong moment", async () => {
  const far = systemClock.timer(2 ** 40, () => assert.fail("that is 34 years"));
  const fired = Promise.withResolvers<void>();
  systemClock.timer(-5, fired.resolve);
  await fired.promise;
  far.cancel();
});

test("a sleep ends with its time", async () => {
  const clock = new FakeClock();
  let awake = false;
  const sleeping = clock.sleep(100).then(() => {
    awake = true;
  });
  clock.advance(99);
  await Promise.resolve();
  assert.equal(awake, false);
  clock.advance(1);
  await sleeping;
  assert.equal(clock.pending, 0);
});

for (const [name, clock] of [
  ["the system's clock", systemClock],
  ["a fake clock", new FakeClock()],
] as const) {
  test(`a sleep on ${name} ends with its signal and leaves no timer`, async () => {
    const abort = new AbortController();
    const sleeping = clock.sleep(1_000_000, abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(sleeping, /enough/);
    await assert.rejects(clock.sleep(1_000_000, abort.signal), /enough/, "also when it was aborted before");
    if (clock instanceof FakeClock) assert.equal(clock.pending, 0);
  });
}
