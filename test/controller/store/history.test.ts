// Where a rollback goes and what is forgotten, as pure decisions.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { forgettable, rollbackTarget } from "../../../controller/store/history.ts";
import type { Outcome, Release } from "../../../controller/store/index.ts";
import { checkProperty } from "../../support/properties.ts";

/** Releases 1, 2, … from letters: r ran, f failed, d deploying; a digit is a rollback to that one that ran. */
function releases(letters: string): Release[] {
  return Array.from(letters)
    .map((letter, index): Release => {
      const number = index + 1;
      const kinds: Record<string, Outcome> = {
        f: { kind: "failed", atEpochMs: 1, reason: "broken" },
        d: { kind: "deploying" },
      };
      const rollback = /\d/.test(letter) ? { from: number - 1, to: Number(letter) } : undefined;
      const outcome = kinds[letter] ?? { kind: "running", atEpochMs: 1 };
      return { application: "a", number, atEpochMs: 0, author: "", source: "", rollback, outcome };
    })
    .toReversed();
}

test("a rollback goes to the newest older release that ran, again further back (1)", () => {
  const cases: [string, number | undefined, number | undefined][] = [
    ["", undefined, undefined],
    ["r", 1, undefined],
    ["d", 1, undefined],
    ["rr", 2, 1],
    ["rff", 3, 1],
    ["ffd", 3, undefined],
    // 4 went back to 2, so from there it goes to 1, not to 3.
    ["rrr2", 4, 1],
    ["rrr21", 5, undefined],
    // 5 is new on top of a rollback: that, having run, is the good one.
    ["rrf2f", 5, 4],
    // Removed.
    ["rrf", undefined, 2],
  ];
  for (const [letters, wanted, target] of cases) {
    assert.equal(rollbackTarget(releases(letters), wanted)?.number, target, `${letters} at ${wanted}`);
  }
});

test("what is forgotten is old, and never what is wanted or the way back from it (2)", (context) => {
  const history = fc.array(fc.constantFrom("r", "f", "d"), { minLength: 1, maxLength: 60 });
  const property = fc.property(history, fc.nat(), fc.integer({ min: 1, max: 20 }), (letters, nth, keep) => {
    const all = releases(letters.join(""));
    const wanted = 1 + (nth % all.length);
    const gone = new Set(forgettable(all, wanted, keep).map(({ number }) => number));
    const kept = all.filter(({ number }) => !gone.has(number));
    assert.ok(kept.length <= keep + 2);
    assert.ok(all.slice(0, keep).every(({ number }) => !gone.has(number)));
    assert.ok(!gone.has(wanted));
    assert.deepEqual(rollbackTarget(kept, wanted), rollbackTarget(all, wanted));
    assert.deepEqual(forgettable(kept, wanted, keep), []);
  });
  checkProperty(context, property, 500);
});
