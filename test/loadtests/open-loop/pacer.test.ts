import assert from "node:assert/strict";
import { test } from "node:test";
import { Pacer } from "../../../loadtests/open-loop/pacer.ts";

for (const pacing of ["timer", "spin"] as const) {
  test(`1: every time is called once, in order, never early, pacing by ${pacing}`, async () => {
    // Closer than a timer can tell apart, at once, and far.
    const times = [0, 0, ...Array.from({ length: 100 }, (_, index) => 0.4 * index), 60, 60.5];
    const called: number[] = [];
    const end = Promise.withResolvers<void>();
    using pacer = new Pacer({
      times: times.values(),
      pacing,
      onDue: (timeMs, intendedMs) => {
        assert.ok(performance.now() >= intendedMs, `${timeMs} came early`);
        called.push(timeMs);
      },
      onEnd: end.resolve,
    });
    pacer.start();
    await end.promise;
    assert.deepEqual(called, times);
    assert.equal(pacer.stop(), false);
  });
}

test("2: a flood lets the event loop turn", async () => {
  const end = Promise.withResolvers<void>();
  let called = 0;
  let turnedAt = 0;
  using pacer = new Pacer({
    times: new Float64Array(1000).values(),
    pacing: "timer",
    onDue: () => void called++,
    onEnd: end.resolve,
  });
  setImmediate(() => {
    turnedAt = called;
  });
  pacer.start();
  await end.promise;
  assert.equal(called, 1000);
  assert.ok(turnedAt > 0 && turnedAt < 1000, `turned after ${turnedAt}`);
});

test("a stop, also from within a call, tells the end once and calls nothing more", async () => {
  for (const within of [true, false]) {
    let [called, ended] = [0, 0];
    using pacer = new Pacer({
      times: [0, 0, 1e9].values(),
      pacing: "timer",
      onDue: () => {
        called++;
        if (within) assert.equal(pacer.stop(), true);
      },
      onEnd: () => void ended++,
    });
    pacer.start();
    assert.equal(pacer.stop(), !within);
    assert.deepEqual([called, ended], [within ? 1 : 2, 1]);
  }
});
