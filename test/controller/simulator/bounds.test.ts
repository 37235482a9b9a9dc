// What no policy beats: the schedule with hindsight against every other one, in small; statistics over seeds.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { fluidBound, oraclePlan } from "../../../controller/simulator/bounds/bounds.ts";
import { arrivalsPerSecond, replicasNeeded } from "../../../controller/simulator/bounds/demand.ts";
import { estimate, pairedRatio } from "../../../controller/simulator/evaluation/statistics.ts";
import { Random } from "../../../controller/simulator/kernel/random.ts";
import { PROFILES, trueCapacity } from "../../../controller/simulator/plant/service-profile.ts";
import { Latencies } from "../../../controller/simulator/run/latencies.ts";
import { type Scenario, runContender } from "../../../controller/simulator/run/scenario.ts";
import { shoal } from "../../../controller/simulator/systems/shoal.ts";
import { checkProperty } from "../../support/properties.ts";
import { poisson } from "./support.ts";

/** The least that a single replica costs over every choice of when to run, paying for each start-up. */
function cheapest(needed: readonly number[], startUp: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let choice = 0; choice < 2 ** needed.length; choice++) {
    const on = needed.map((_, second) => (choice >> second) & 1);
    if (needed.some((need, second) => need > (on[second] ?? 0))) continue;
    let cost = 0;
    for (const [second, value] of on.entries()) {
      if (value === 0) continue;
      const starts = (on[second - 1] ?? 0) === 0;
      // Nothing is there before the beginning: what is needed in the first seconds was started with the run.
      cost += 1 + (starts ? Math.min(startUp, second) : 0);
    }
    best = Math.min(best, cost);
  }
  return best;
}

suite("the schedule with hindsight", () => {
  test("has what each second needs, and nothing that does is cheaper (2)", (t) => {
    const needs = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 11 });
    checkProperty(
      t,
      fc.property(needs, fc.integer({ min: 0, max: 4 }), (needed, startUp) => {
        const { target, replicaSeconds } = oraclePlan(Uint16Array.from(needed), startUp);
        for (const [second, need] of needed.entries()) assert((target[second] ?? 0) >= need);
        assert.equal(replicaSeconds, cheapest(needed, startUp));
      }),
    );
  });

  test("levels are covered each by itself, bridged over gaps no longer than a start-up", () => {
    const { target } = oraclePlan(Uint16Array.from([0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 1]), 2);
    assert.deepEqual([...target], [0, 2, 2, 2, 2, 2, 0, 0, 1, 1, 1]);
  });

  test("on the product's dispatcher it answers nearly all, for no less than the fluid bound", async () => {
    const scenario: Scenario = {
      name: "steady",
      arrivals: poisson(150),
      seconds: 120,
      profile: PROFILES.large,
      objectiveMs: 2_000,
    };
    const contender = {
      name: "oracle",
      system: shoal(),
      scaling: { kind: "oracle", bounds: { min: 0, max: 50 } },
    } as const;
    const result = await runContender(scenario, contender, 3);
    assert(result.attainment > 0.97, `${result.attainment}`);
    assert(result.replicaSeconds > fluidBound(result.counts.offered, PROFILES.large, 2_000));
  });
});

test("the demand known beforehand is that of the run with the seed", () => {
  const perSecond = arrivalsPerSecond(poisson(50), { seed: 4, seconds: 30 });
  assert.deepEqual(perSecond, arrivalsPerSecond(poisson(50), { seed: 4, seconds: 30 }));
  const begun = arrivalsPerSecond(poisson(50), { seed: 4, seconds: 29.5 });
  assert(begun.length === 30 && (begun[29] ?? 0) > 0 && (begun[29] ?? 0) < (perSecond[29] ?? 0));
  const needed = replicasNeeded(Float64Array.from([0, 1, 1_000]), {
    profile: PROFILES.large,
    objectiveMs: 2_000,
  });
  const [none, one, many = 0] = needed;
  assert.deepEqual([none, one], [0, 1]);
  assert(trueCapacity(PROFILES.large, many, 2_000) >= 1_000);
  assert(trueCapacity(PROFILES.large, many - 1, 2_000) < 1_000);
});

test("the fluid bound is requests in the largest batches that are in time", () => {
  // 48 rows fit 2 s but 32 fit memory: 740 ms for 32.
  assert.equal(fluidBound(3_200, PROFILES.large, 2_000), 74);
  assert.equal(fluidBound(100, PROFILES.gpu, 10), Number.POSITIVE_INFINITY);
});

suite("statistics", () => {
  test("the interval of a mean holds it nineteen times in twenty", () => {
    const random = new Random(9);
    let held = 0;
    for (let n = 0; n < 200; n++) {
      const { low, high } = estimate(Array.from({ length: 20 }, () => 5 + random.normal()));
      if (low <= 5 && high >= 5) held++;
    }
    assert(held >= 174 && held <= 199, `${held} of 200`);
  });

  test("ratios are of pairs: what both have in common cancels", () => {
    const { mean, low, high } = pairedRatio([2, 20, 200], [1, 10, 100]);
    assert.deepEqual([mean, low, high], [2, 2, 2]);
  });

  test("quantiles of latencies are right within half a per cent", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 10_000; ms++) latencies.add(ms);
    for (const quantile of [0.1, 0.5, 0.99, 0.999]) {
      assert(Math.abs(latencies.at(quantile) / (quantile * 10_000) - 1) < 0.006, `${latencies.at(quantile)}`);
    }
    assert(Number.isNaN(new Latencies().at(0.5)));
  });
});
