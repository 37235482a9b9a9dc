// The heap's first ones in order, against sorting. Seeds are printed by fast-check.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Heap } from "../../../controller/dispatch/heap.ts";

test("the leading ones are those that sorting puts first, and the heap stays as it is", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.nat(20), (keys, count) => {
      const heap = new Heap<number>({ before: (a, b) => a < b, place: () => undefined });
      for (const key of keys) heap.push(key);
      const sorted = keys.toSorted((a, b) => a - b);
      assert.deepEqual(heap.leading(count), sorted.slice(0, count));
      assert.equal(heap.size, keys.length);
      assert.equal(heap.first, sorted[0]);
    }),
  );
});
