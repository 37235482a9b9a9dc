// The queue against a plain list.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Entry } from "../../../controller/dispatch/entry.ts";
import { RequestQueue } from "../../../controller/dispatch/queue.ts";
import { checkProperty } from "../../support/properties.ts";
import { infer } from "./support.ts";

const KEYS = ["a", "b", "c"];

interface Entering {
  readonly key: string;
  readonly rows: number;
  readonly alone: boolean;
}

type Step =
  | ({ readonly do: "push" } & Entering)
  | ({ readonly do: "pushFront" } & Entering)
  | { readonly do: "remove"; readonly at: number }
  | { readonly do: "take"; readonly rows: number; readonly requests: number };

const entering = {
  key: fc.constantFrom(...KEYS),
  rows: fc.integer({ min: 1, max: 4 }),
  alone: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("push" as const), ...entering }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("pushFront" as const), ...entering }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), at: fc.nat(50) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("take" as const),
        rows: fc.integer({ min: 1, max: 12 }),
        requests: fc.integer({ min: 1, max: 6 }),
      }),
    },
  ),
  { maxLength: 60 },
);

function entryOf({ key, rows, alone }: Entering): Entry {
  const values = Array.from({ length: rows }, (_, index) => index);
  const entry = new Entry(infer(values, key), 0, Number.POSITIVE_INFINITY);
  entry.alone = alone;
  return entry;
}

/** What `take` should take of a plain list. */
function expected(list: readonly Entry[], limits: { rows: number; requests: number }): Entry[] {
  const [head] = list;
  if (head === undefined) return [];
  const taken = [head];
  let rows = head.rows;
  for (const entry of list.slice(1)) {
    if (head.alone || taken.length >= limits.requests) break;
    if (entry.joinKey !== head.joinKey) continue;
    if (entry.alone || rows + entry.rows > limits.rows) break;
    taken.push(entry);
    rows += entry.rows;
  }
  return taken;
}

/** Invariant 1: both lists hold what the plain one holds, in its order, linked both ways. */
function checkLinks(queue: RequestQueue, list: readonly Entry[]): void {
  assert.equal(queue.length, list.length);
  assert.equal(queue.head, list[0]);
  for (const [index, entry] of list.entries()) {
    assert.equal(entry.next, list[index + 1]);
    assert.equal(entry.previous, list[index - 1]);
  }
  for (const key of KEYS) {
    const alike = list.filter(({ work }) => work.kind === "infer" && work.inputs[0]?.name === key);
    for (const [index, entry] of alike.entries()) {
      assert.equal(entry.nextAlike, alike[index + 1]);
      assert.equal(entry.previousAlike, alike[index - 1]);
    }
  }
  const [head] = list;
  const rows = list.reduce((sum, entry) => sum + (entry.joinKey === head?.joinKey ? entry.rows : 0), 0);
  assert.equal(queue.headRows, head?.alone ? head.rows : rows);
}

test("the queue equals a plain list, whatever is pushed, put back, removed and taken (invariants 1 and 2)", (t) => {
  checkProperty(
    t,
    fc.property(steps, (history) => {
      const queue = new RequestQueue();
      let list: Entry[] = [];
      for (const step of history) {
        if (step.do === "push" || step.do === "pushFront") {
          const entry = entryOf(step);
          queue[step.do](entry);
          list = step.do === "push" ? [...list, entry] : [entry, ...list];
        } else if (step.do === "remove") {
          const entry = list[step.at % Math.max(1, list.length)];
          if (entry === undefined) continue;
          queue.remove(entry);
          list = list.filter((other) => other !== entry);
        } else {
          const wanted = expected(list, step);
          assert.deepEqual(
            queue.take(step).map((entry) => list.indexOf(entry)),
            wanted.map((entry) => list.indexOf(entry)),
          );
          list = list.filter((entry) => !wanted.includes(entry));
        }
        checkLinks(queue, list);
      }
    }),
    300,
  );
});

test("the head is taken however many rows it has", () => {
  const queue = new RequestQueue();
  const large = new Entry(infer([1, 2, 3]), 0, 0);
  queue.push(large);
  queue.push(new Entry(infer([4]), 0, 0));
  assert.deepEqual(queue.take({ rows: 2, requests: 9 }), [large]);
});
