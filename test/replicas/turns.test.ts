// How much of what several gateways send runs at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Turns } from "../../replicas/turns.ts";

test("never more run at a time than may, all get their turn, in the order they came", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.boolean(), { maxLength: 60 }),
      async (atOnce, steps) => {
        const turns = new Turns();
        const started: number[] = [];
        const running: Disposable[] = [];
        let asked = 0;
        const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
        for (const arrives of steps) {
          if (arrives) {
            const number = asked++;
            void turns.take(atOnce).then((turn) => {
              started.push(number);
              running.push(turn);
            });
          } else running.shift()?.[Symbol.dispose]();
          await settle();
          assert(running.length <= atOnce);
        }
        while (running.length > 0) {
          running.shift()?.[Symbol.dispose]();
          await settle();
        }
        assert.deepEqual(
          started,
          Array.from({ length: asked }, (_, index) => index),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("a turn that is ended twice ends once", async () => {
  const turns = new Turns();
  const first = await turns.take(1);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await turns.take(1);
  let started = false;
  void turns.take(1).then(() => (started = true));
  await new Promise(setImmediate);
  assert.equal(started, false);
});
