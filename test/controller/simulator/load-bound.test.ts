// What a fluid server answers in time, by hand and against every system there is.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fluidAttainment } from "../../../controller/simulator/bounds/load-bound.ts";
import { Random } from "../../../controller/simulator/kernel/random.ts";
import { SYSTEMS } from "../../../controller/simulator/systems/catalogue.ts";
import { gammaDraws, replayed, steady } from "../../../controller/simulator/workload/arrivals.ts";
import { PLAIN, run } from "./support.ts";

const ALL = { fromMs: 0, untilMs: 10_000 };

suite("the largest load that anybody could bear", () => {
  test("as many of those who come at once as full batches get through within the objective", () => {
    // Batches of 16 in 26 ms: 61.5 in 100 ms.
    const server = { profile: PLAIN, replicas: 1, objectiveMs: 100 };
    const together = (count: number): number =>
      fluidAttainment(replayed(Array.from({ length: count }, () => 5)), server, ALL);
    assert.equal(together(61), 1);
    assert.equal(together(122), 0.5);
    assert.equal(fluidAttainment(replayed([]), server, ALL), 1);
    assert.equal(fluidAttainment(replayed([1, 2]), { ...server, objectiveMs: 5 }, ALL), 0);
    // Only those count that come in the window.
    const late = { fromMs: 50, untilMs: 60 };
    assert.equal(
      fluidAttainment(replayed([...Array.from({ length: 80 }, () => 0), 50, 99]), server, late),
      1,
    );
  });

  test("nobody does better, whatever the load and the bursts", async () => {
    // Others do not ask how many rows fit into memory: here the objective is what bounds a batch.
    const profile = { ...PLAIN, maxRows: 100 };
    for (const [name, make] of Object.entries(SYSTEMS)) {
      for (const [cv, perSecond] of [
        [1, 2_000],
        [4, 700],
        [4, 4_000],
      ] as const) {
        const arrivals = (random: Random) => steady(gammaDraws(random, cv), perSecond);
        const { attainment } = await run({
          arrivals,
          profile,
          seconds: 3,
          objectiveMs: 60,
          system: make(),
          scaling: { kind: "fixed", replicas: 2 },
        });
        const stream = arrivals(new Random(1).fork("workload"));
        const server = { profile, replicas: 2, objectiveMs: 60 };
        const bound = fluidAttainment(stream, server, { fromMs: 0, untilMs: 3_000 });
        assert(attainment <= bound + 1e-9, `${name} at ${perSecond}, CV ${cv}: ${attainment} above ${bound}`);
      }
    }
  });
});
