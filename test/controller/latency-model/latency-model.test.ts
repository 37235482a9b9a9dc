// What the model learns, and how soon it learns that it was wrong.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LatencyModel } from "../../../controller/latency-model/index.ts";
import { checkProperty } from "../../support/properties.ts";

/** Numbers of a normal distribution from a seed. */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 4_294_967_296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

interface Plant {
  readonly fixedMs: number;
  readonly perRowMs: number;
  readonly noise: number;
}

function feed(
  model: LatencyModel,
  plant: Plant,
  { batches, seed = 1, rows }: { batches: number; seed?: number; rows?: number },
): void {
  const normal = normals(seed);
  for (let n = 0; n < batches; n++) {
    const size = rows ?? 1 + ((n * 7) % 32);
    model.observe(size, (plant.fixedMs + plant.perRowMs * size) * Math.exp(plant.noise * normal()));
  }
}

const GPU: Plant = { fixedMs: 10, perRowMs: 0.5, noise: 0.05 };

function near(actual: number | undefined, expected: number, share: number): void {
  assert(
    actual !== undefined && Math.abs(actual / expected - 1) <= share,
    `${actual} is not ${expected} ± ${share * 100} %`,
  );
}

test("the line is found under noise of 5 and of 20 per cent", () => {
  for (const [noise, share] of [
    [0.05, 0.04],
    [0.2, 0.15],
  ] as const) {
    const model = new LatencyModel();
    feed(model, { ...GPU, noise }, { batches: 600 });
    near(model.meanMs(1), 10.5, share);
    near(model.meanMs(32), 26, share);
    near(model.noise, noise, 0.35);
  }
});

test("without an observation it knows nothing (invariant 4)", () => {
  const model = new LatencyModel();
  assert.equal(model.meanMs(1), undefined);
  assert.equal(model.predictMs(8), undefined);
  assert.equal(model.line, undefined);
  assert.equal(model.maxRowsWithin(1_000, 64), 0);
  assert.equal(model.sufficientRows(100, 4, 64), 1);
  assert.equal(model.observe(1, Number.NaN), 1);
  assert.equal(model.observe(0, 5), 1);
  assert.equal(model.meanMs(1), undefined);
});

test("a line given beforehand counts for five batches, and is corrected", () => {
  const model = new LatencyModel({ prior: { fixedMs: 10, perRowMs: 1 } });
  near(model.meanMs(8), 18, 0.001);
  feed(model, { fixedMs: 20, perRowMs: 2, noise: 0.02 }, { batches: 300 });
  near(model.meanMs(8), 36, 0.05);
});

test("from one size alone, more rows may take in proportion and fewer as long (invariant 1)", () => {
  const model = new LatencyModel();
  feed(model, { fixedMs: 5, perRowMs: 5, noise: 0.01 }, { batches: 300, rows: 4 });
  near(model.meanMs(4), 25, 0.02);
  const plan = (rows: number): number => (model.predictMs(rows) ?? 0) / 25 / (1 + model.margin);
  near(plan(4), 1, 0.05);
  near(plan(16), 4, 0.08);
  near(plan(1), 1, 0.08);
});

test("what was learnt of batches outlives a long time of single rows", () => {
  const model = new LatencyModel();
  feed(model, GPU, { batches: 300 });
  feed(model, GPU, { batches: 5_000, rows: 1, seed: 2 });
  near(model.meanMs(32), 26, 0.2);
  near(model.meanMs(1), 10.5, 0.04);
});

test("30 per cent slower is seen in three batches, at all sizes (invariant 2)", () => {
  const model = new LatencyModel();
  feed(model, GPU, { batches: 300 });
  for (let n = 0; n < 3; n++) model.observe(2, 11 * 1.3);
  near(model.meanMs(2), 11 * 1.3, 0.06);
  near(model.meanMs(32), 26 * 1.3, 0.08);
  assert((model.predictMs(32) ?? 0) >= 26 * 1.3);
  for (let n = 0; n < 3; n++) model.observe(2, 11);
  near(model.meanMs(2), 11, 0.08);
});

test("30 per cent slower under noise of 20 per cent is learnt within 150 batches", () => {
  const model = new LatencyModel();
  feed(model, { ...GPU, noise: 0.2 }, { batches: 400 });
  feed(model, { fixedMs: 13, perRowMs: 0.65, noise: 0.2 }, { batches: 150, seed: 5 });
  near(model.meanMs(16), 18 * 1.3, 0.1);
});

test("an outlier moves neither the mean nor, for long, the plan (invariant 2)", () => {
  const model = new LatencyModel();
  feed(model, GPU, { batches: 500 });
  const [mean = 0, plan = 0] = [model.meanMs(8), model.predictMs(8)];
  assert(model.observe(8, 140) > 9);
  near(model.meanMs(8), mean, 0.001);
  near(model.predictMs(8), plan, 0.1);
  feed(model, GPU, { batches: 1, seed: 3 });
  for (let n = 0; n < 2; n++) model.observe(8, 140); // two in a row are no change yet
  near(model.meanMs(8), mean, 0.02);
});

test("one batch in ten three times slower: the margin is at its largest and the mean stays", () => {
  const model = new LatencyModel();
  const normal = normals(9);
  for (let n = 0; n < 2_000; n++) model.observe(4, 12 * (n % 10 === 0 ? 3 : 1) * Math.exp(0.05 * normal()));
  assert.equal(model.margin, 0.5);
  assert((model.meanMs(4) ?? 0) < 12 * 1.25);
});

test("99 of 100 batches of the plant are within the plan once it has settled", () => {
  for (const noise of [0.05, 0.1, 0.15]) {
    const model = new LatencyModel();
    feed(model, { ...GPU, noise }, { batches: 2_000 });
    const normal = normals(77);
    let within = 0;
    for (let n = 0; n < 2_000; n++) {
      const rows = 1 + (n % 32);
      const ms = (10 + 0.5 * rows) * Math.exp(noise * normal());
      if (ms <= (model.predictMs(rows) ?? 0)) within++;
      model.observe(rows, ms);
    }
    assert(within >= 1_970, `${within} of 2000 at noise ${noise}`);
  }
});

test("late requests make the margin grow, once a second, and it comes back", () => {
  const model = new LatencyModel({ prior: { fixedMs: 10, perRowMs: 1 } });
  feed(model, { fixedMs: 10, perRowMs: 1, noise: 0.001 }, { batches: 3_000 });
  assert.equal(model.margin, 0.05);
  for (let ms = 0; ms <= 1_000; ms += 10) model.reportOutcomes(2, 10, ms);
  near(model.margin, 0.05 + 0.5 * (0.2 - 0.002), 0.6);
  const grown = model.margin;
  assert(grown > 0.08);
  model.reportOutcomes(10, 10, 1_500); // within the second
  assert.equal(model.margin, grown);
  for (let ms = 2_000; ms < 700_000; ms += 1_000) model.reportOutcomes(0, 100, ms);
  assert.equal(model.margin, 0.05);
});

test("how many rows are enough: b with N·b/t(b) ≥ λ", () => {
  const model = new LatencyModel({ prior: { fixedMs: 10, perRowMs: 0.5 } });
  // 8 replicas, 4876 rows/s: mean batch λα/(N−λβ) = 8.77, as worked in the reference (§2.1).
  assert.equal(model.sufficientRows(4_876, 8, 64), 9);
  assert.equal(model.sufficientRows(100, 8, 64), 1);
  assert.equal(model.sufficientRows(50_000, 8, 64), 64);
  near(model.batchingGain(64), (64 * 10.5) / 42, 0.001);
  near(model.rowsPerSecond(8), 8_000 / 14, 0.001);
});

const observations = fc.array(
  fc.record({
    rows: fc.integer({ min: 1, max: 500 }),
    ms: fc.double({ min: 0.01, max: 10_000, noNaN: true }),
  }),
  { minLength: 1, maxLength: 200 },
);

test("whatever it saw, it is finite, above the mean, rises with the rows, and inverts (invariants 1 and 3, random)", (t) => {
  checkProperty(
    t,
    fc.property(observations, fc.double({ min: 0.01, max: 20_000, noNaN: true }), (seen, budgetMs) => {
      const model = new LatencyModel();
      for (const { rows, ms } of seen) assert(Number.isFinite(model.observe(rows, ms)));
      let [lastMean, lastPlan] = [0, 0];
      for (let rows = 1; rows <= 600; rows++) {
        const [mean = NaN, plan = NaN] = [model.meanMs(rows), model.predictMs(rows)];
        assert(Number.isFinite(plan) && plan >= mean * 1.049 && mean > 0, `${mean} ${plan} at ${rows}`);
        assert(mean >= lastMean * (1 - 1e-9) && plan >= lastPlan * (1 - 1e-9), `falls at ${rows}`);
        [lastMean, lastPlan] = [mean, plan];
      }
      const most = model.maxRowsWithin(budgetMs, 600);
      if (most > 0) assert((model.predictMs(most) ?? 0) <= budgetMs);
      if (most < 600) assert((model.predictMs(most + 1) ?? 0) > budgetMs);
      assert(model.margin >= 0.05 && model.margin <= 0.5);
    }),
  );
});
