// The less careful pace of overload, by what was learnt from random batches. Seeds are printed by fast-check.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OverloadPace } from "../../../controller/dispatch/overload-pace.ts";
import { LatencyModel } from "../../../controller/latency-model/index.ts";

const LIMIT = 64;

const learnt = fc
  .array(
    fc.record({
      rows: fc.integer({ min: 1, max: LIMIT }),
      share: fc.double({ min: 0.7, max: 1.5, noNaN: true }),
    }),
    {
      minLength: 1,
      maxLength: 200,
    },
  )
  .map((batches) => {
    const model = new LatencyModel();
    for (const { rows, share } of batches) model.observe(rows, (10 + 0.5 * rows) * share);
    return model;
  });

test("lies between the mean and the plan, and grows with the rows (invariants 1 and 2)", () => {
  fc.assert(
    fc.property(learnt, (model) => {
      const pace = new OverloadPace(model);
      let before = 0;
      for (let rows = 1; rows <= LIMIT; rows++) {
        const [mean = Number.NaN, told = Number.NaN, plan = Number.NaN] = [
          model.meanMs(rows),
          pace.predictMs(rows),
          model.predictMs(rows),
        ];
        assert(mean < told && told < plan, `${mean} ${told} ${plan}`);
        assert(told >= before - 1e-9, `${rows} rows in ${told} ms, fewer in ${before}`);
        before = told;
      }
    }),
  );
});

test("finds the most rows within a time", () => {
  fc.assert(
    fc.property(learnt, fc.double({ min: 0, max: 100, noNaN: true }), (model, budgetMs) => {
      const pace = new OverloadPace(model);
      const most = pace.maxRowsWithin(budgetMs, LIMIT);
      assert(most >= model.maxRowsWithin(budgetMs, LIMIT) && most <= LIMIT);
      if (most > 0) assert((pace.predictMs(most) ?? Number.NaN) <= budgetMs);
      if (most < LIMIT) assert((pace.predictMs(most + 1) ?? Number.NaN) > budgetMs);
    }),
  );
});

test("knows nothing before anything is known", () => {
  const pace = new OverloadPace(new LatencyModel());
  assert.equal(pace.predictMs(1), undefined);
  assert.equal(pace.maxRowsWithin(1_000, LIMIT), 0);
});
