import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { layOut, moveSlots, ownersOf } from "../../../controller/traffic/slots.ts";
import { SLOTS } from "../../../controller/traffic/table.ts";
import { checkProperty } from "../../support/properties.ts";

/** Shares of `count` versions that add up to all slots; many are 0. */
const shares = (count: number): fc.Arbitrary<number[]> =>
  fc
    .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: SLOTS })), {
      minLength: count - 1,
      maxLength: count - 1,
    })
    .map((cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), SLOTS];
      return edges.slice(1).map((edge, index) => edge - (edges[index] ?? 0));
    });

const history = fc
  .integer({ min: 1, max: 6 })
  .chain((count) => fc.array(shares(count), { minLength: 1, maxLength: 8 }));

function countsOf(owners: Int16Array, versions: number): number[] {
  const counts = Array.from({ length: versions }, () => 0);
  for (const owner of owners) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

describe("slots", () => {
  test("everybody has exactly its share, and no more changes hands than must (invariant 1)", (t) => {
    checkProperty(
      t,
      fc.property(history, (steps) => {
        const [first = [], ...later] = steps;
        let runs = layOut(first);
        let before = first;
        for (const parts of later) {
          const next = moveSlots(runs, parts);
          const [was, is] = [ownersOf(runs), ownersOf(next)];
          assert.deepEqual(countsOf(is, parts.length), parts);
          const moved = is.reduce((sum, owner, slot) => sum + (owner === was[slot] ? 0 : 1), 0);
          const must = parts.reduce((sum, part, index) => sum + Math.max(0, part - (before[index] ?? 0)), 0);
          assert.equal(moved, must);
          assert.equal(
            next.reduce((sum, { length }) => sum + length, 0),
            SLOTS,
          );
          runs = next;
          before = parts;
        }
      }),
      60,
    );
  });

  test("between two versions the way does not matter: a restart finds every session where it was (invariant 2)", (t) => {
    checkProperty(
      t,
      fc.property(fc.array(shares(2), { minLength: 1, maxLength: 10 }), (steps) => {
        const last = steps.at(-1) ?? [];
        const runs = steps.reduce(
          (so, parts) => (so.length === 0 ? layOut(parts) : moveSlots(so, parts)),
          layOut([]),
        );
        assert.deepEqual(runs, layOut(last));
      }),
      60,
    );
  });

  test("those of a version that is gone are taken by who gains", () => {
    const runs = [
      { version: 0, length: 6_000 },
      { version: -1, length: 4_000 },
    ];
    const owners = ownersOf(moveSlots(runs, [7_000, 3_000]));
    assert.deepEqual(countsOf(owners, 2), [7_000, 3_000]);
    assert(owners.subarray(0, 6_000).every((owner) => owner === 0));
  });
});
