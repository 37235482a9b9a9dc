// How much of what several gateways send runs at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Turns } from "../../replicas/turns.ts";

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("never more run at a time than may, all get their turn, in the order they came", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ batches: fc.integer({ min: 1, max: 4 }), requests: fc.integer({ min: 1, max: 8 }) }),
      fc.array(fc.option(fc.integer({ min: 1, max: 10 })), { maxLength: 60 }), // one more of so many requests, or an end
      async (atOnce, steps) => {
        const turns = new Turns();
        const started: number[] = [];
        const running: { readonly turn: Disposable; readonly requests: number }[] = [];
        let asked = 0;
        for (const requests of steps) {
          if (requests !== null) {
            const number = asked++;
            void turns.take(atOnce, requests).then((turn) => {
              started.push(number);
              running.push({ turn, requests });
            });
          } else running.shift()?.turn[Symbol.dispose]();
          await settled();
          assert(running.length <= atOnce.batches);
          const sum = running.reduce((total, one) => total + one.requests, 0);
          assert(sum <= atOnce.requests || running.length === 1); // invariant 3
        }
        while (running.length > 0) {
          running.shift()?.turn[Symbol.dispose]();
          await settled();
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

test("as much runs as may", async () => {
  const turns = new Turns();
  const started: string[] = [];
  const ask = async (name: string, requests: number): Promise<Disposable> => {
    const turn = await turns.take({ batches: 3, requests: 8 }, requests);
    started.push(name);
    return turn;
  };
  const first = await ask("four", 4);
  await ask("three", 3);
  void ask("two, which are one too many", 2);
  void ask("one, behind them", 1);
  void ask("another, for which there is no batch", 1);
  await settled();
  assert.deepEqual(started, ["four", "three"]);
  first[Symbol.dispose]();
  await settled();
  assert.deepEqual(started.slice(2), ["two, which are one too many", "one, behind them"]);
});

test("a turn that is ended twice ends once", async () => {
  const turns = new Turns();
  const alone = { batches: 1, requests: 1 };
  const first = await turns.take(alone, 1);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await turns.take(alone, 1);
  let started = false;
  void turns.take(alone, 1).then(() => (started = true));
  await settled();
  assert.equal(started, false);
});
