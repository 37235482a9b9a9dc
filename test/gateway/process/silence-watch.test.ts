// Who has told nothing for too long, on a clock that a test moves.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { watchSilence } from "../../../gateway/process/silence-watch.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const LONGEST_MS = 10_000;

/** Watches `a` and `b`; gives who is silent at each look. */
function watching(t: TestContext) {
  const clock = new FakeClock();
  const heardMs = { a: clock.nowMs(), b: clock.nowMs() };
  const silent: string[] = [];
  const ended = new AbortController();
  const watched = watchSilence(
    {
      clock,
      longestSilenceMs: LONGEST_MS,
      all: () => ["a", "b"] as const,
      silentMs: (one) => clock.nowMs() - heardMs[one],
      onSilent: async (one) => void silent.push(one),
    },
    ended.signal,
  );
  t.after(async () => {
    ended.abort();
    await watched;
    assert.equal(clock.pending, 0);
  });
  return {
    silent,
    hear: (one: "a" | "b") => void (heardMs[one] = clock.nowMs()),
    /** In one step, as for a process that stands still meanwhile. */
    pass: async (ms: number): Promise<void> => {
      clock.advance(ms);
      await turn();
    },
  };
}

test("one that tells nothing is found within the time, one that tells now and then is not", async (t) => {
  const { silent, hear, pass } = watching(t);
  for (let passed = 0; passed < LONGEST_MS - 500; passed += 500) {
    await pass(500);
    hear("b");
  }
  assert.deepEqual(silent, []);
  await pass(500);
  assert.deepEqual(silent, ["a"]);
});

test("who stood still for longer than that has not read what it was told: nobody is silent before the next look (invariant 1)", async (t) => {
  const { silent, hear, pass } = watching(t);
  await pass(3 * LONGEST_MS);
  assert.deepEqual(silent, []);
  hear("b"); // as soon as it goes on
  await pass(LONGEST_MS / 5);
  assert.deepEqual(silent, ["a"]);
});
