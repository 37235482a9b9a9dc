// What is kept of decisions, and where they begin.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecisionHistory, initialReplicas } from "../../../controller/autoscale/index.ts";

const decision = (target: number, explanation: string, fault?: string) => ({
  target,
  explanation,
  reviewAtMs: 0,
  ...(fault === undefined ? {} : { fault }),
});

test("a stretch without a change is one entry; a change or a fault begins another (invariant 2)", () => {
  const history = new DecisionHistory();
  history.add(3, decision(3, "3: a"), 10);
  history.add(3, decision(3, "3: b"), 20);
  history.add(3, decision(5, "3 → 5: c"), 30);
  history.add(5, decision(5, "5: d"), 40);
  history.add(5, decision(5, "5: e", "broken"), 50);
  assert.deepEqual(
    history
      .latest()
      .map(({ sinceMs, untilMs, from, to, explanation }) => [sinceMs, untilMs, from, to, explanation]),
    [
      [50, 50, 5, 5, "5: e"],
      [30, 40, 3, 5, "3 → 5: c"],
      [10, 20, 3, 3, "3: b"],
    ],
  );
});

test("the oldest decisions go (invariant 1)", () => {
  const history = new DecisionHistory(3);
  for (let n = 0; n < 10; n++) history.add(n, decision(n + 1, `${n}`), n);
  assert.deepEqual(
    history.latest().map(({ from }) => from),
    [9, 8, 7],
  );
  assert.equal(history.latest(1).length, 1);
});

test("a deployment begins with its initial number, or the least", () => {
  assert.equal(initialReplicas({ min: 2, max: 9 }), 2);
  assert.equal(initialReplicas({ min: 0, max: 9, initial: 4 }), 4);
});
