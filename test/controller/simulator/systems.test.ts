// The systems: what each is known to do, all that holds for every one, and a queue of which theory knows the answer.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import type { ExperimentResult } from "../../../controller/simulator/run/experiment.ts";
import {
  centralGreedy,
  clipper,
  SYSTEMS,
  triton,
  tunedRay,
} from "../../../controller/simulator/systems/catalogue.ts";
import { ray } from "../../../controller/simulator/systems/ray.ts";
import { RayPolicy, SloPolicy } from "../../../controller/autoscale/index.ts";
import { checkAsyncProperty } from "../../support/properties.ts";
import { at, PLAIN, poisson, run } from "./support.ts";

const burst = (count: number, atMs = 0): number[] => Array.from({ length: count }, () => atMs);

function settled({ counts }: ExperimentResult): number {
  return counts.good + counts.late + counts.refused + counts.failed + counts.abandoned;
}

test("one replica, one at a time, Poisson: the mean wait is Pollaczek and Khinchine's", async () => {
  const profile = { name: "single", fixedMs: 10, perRowMs: 0, maxRows: 1, noise: 0 };
  const load = 0.7;
  const result = await run({
    profile,
    seconds: 4_000,
    arrivals: poisson(70),
    objectiveMs: 10_000,
    system: triton({ maxBatch: 1 }),
  });
  const waits = (10 * load) / (2 * (1 - load));
  // The median of M/D/1 has no short form; the mean is offered work, by Little, of 280,000 requests.
  const mean = meanLatency(result);
  assert(Math.abs(mean - (10 + waits)) < 0.05 * (10 + waits), `${mean} for ${10 + waits}`);
});

function meanLatency({ meanMs }: ExperimentResult): number {
  return meanMs;
}

suite("batchers", () => {
  test("Ray stock never fills a batch: five at a replica, and each batch waits its 10 ms", async () => {
    const result = await run({ arrivals: at(...burst(5), ...burst(5, 1_000)), system: ray(), seconds: 3 });
    assert.equal(result.meanBatch, 5);
    assert(Math.abs(result.p50Ms - 25) < 0.2, `${result.p50Ms}`); // 10 of waiting, 15 of running
  });

  test("Ray stock: what finds no room backs off, and is not woken", async () => {
    const result = await run({ arrivals: at(...burst(10)), system: ray(), seconds: 3 });
    // Five run until 25 ms. Looked for room at 0, 0 and 25 ms, just before: then at 75 ms; 100 ms for their run.
    assert(Math.abs(result.p99Ms - 100) < 0.5, `${result.p99Ms}`);
  });

  test("Ray tuned runs what waits at once", async () => {
    const result = await run({ arrivals: at(0, 1, 2, 3), system: tunedRay(8), seconds: 3 });
    assert.equal(result.meanBatch, 2); // one alone, then three
  });

  test("Triton waits for company from the arrival on, and refuses what has queued for too long", async () => {
    const delayed = triton({ maxBatch: 4, delayMs: 20 });
    const one = await run({ arrivals: at(0), system: delayed, seconds: 3 });
    assert(Math.abs(one.p50Ms - 31) < 0.3, `${one.p50Ms}`);
    const four = await run({ arrivals: at(0, 1, 2, 3), system: delayed, seconds: 3 });
    assert(Math.abs(four.p99Ms - 17) < 0.3, `${four.p99Ms}`); // full at 3 ms, 14 of running
    const timing = triton({ maxBatch: 1, queueTimeoutMs: 15 });
    const busy = await run({ arrivals: at(...burst(4)), system: timing, seconds: 3 });
    assert.deepEqual([busy.counts.good, busy.counts.refused], [2, 2]);
  });

  test("Clipper's batch grows by one until it is too slow, then falls by a tenth", async () => {
    const profile = { ...PLAIN, maxRows: 64 };
    const common = { profile, arrivals: poisson(5_000), seconds: 5, objectiveMs: 40 };
    const half = await run({ ...common, system: clipper(0.5) });
    assert(half.meanBatch > 8 && half.meanBatch < 10.5, `${half.meanBatch}`); // 10 rows take 20 ms
    const greedy = await run({ ...common, system: centralGreedy() });
    assert(greedy.meanBatch > 60, `${greedy.meanBatch}`);
  });

  test("BentoML cancels heads that would be late with all that wait", async () => {
    const make = SYSTEMS["bentoml"];
    assert(make !== undefined);
    const over = await run({ arrivals: poisson(3_000), seconds: 20, objectiveMs: 40, system: make() });
    assert(over.counts.refused > 0.5 * over.counts.offered);
    assert(over.counts.good > 0.3 * 800 * 20, `${over.counts.good}`);
  });

  test("the product's own dispatcher keeps its goodput when twice too much comes, others do not", async () => {
    const common = { arrivals: poisson(1_600), seconds: 20, objectiveMs: 60, warmUpSeconds: 2 };
    const ours = await run(common);
    const greedy = await run({ ...common, system: triton({ maxBatch: 16 }) });
    assert(ours.goodput > 450, `${ours.goodput}`);
    assert(greedy.goodput < 0.2 * ours.goodput, `${greedy.goodput}`);
  });
});

for (const [name, make] of Object.entries(SYSTEMS)) {
  test(`${name}: every request ends once, whatever dies, leaves, gives up or tries again`, async (t) => {
    await checkAsyncProperty(
      t,
      fc.asyncProperty(
        fc.record({
          seed: fc.integer({ min: 0, max: 1e6 }),
          perSecond: fc.integer({ min: 5, max: 1_500 }),
          replicas: fc.integer({ min: 1, max: 5 }),
          scaled: fc.boolean(),
          mtbfMs: fc.constantFrom(undefined, 1_500),
          timeoutMs: fc.constantFrom(undefined, 30, 200),
          retries: fc.integer({ min: 0, max: 2 }),
        }),
        async ({ seed, perSecond, replicas, scaled, mtbfMs, timeoutMs, retries }) => {
          const bounds = { min: 1, max: 6 };
          const policy =
            name === "shoal"
              ? new SloPolicy({ objectiveMs: 100 })
              : new RayPolicy({
                  upscaleDelayMs: 500,
                  downscaleDelayMs: 500,
                  metricsIntervalMs: 0,
                  lookBackPeriodMs: 500,
                });
          const result = await run({
            seed,
            arrivals: poisson(perSecond),
            seconds: 4,
            system: make(),
            scaling: scaled ? { kind: "policy", policy, bounds } : { kind: "fixed", replicas },
            startUpMs: 300,
            hopMs: 0.5,
            clients: { retries, retryBudget: 0.5, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
            trouble: mtbfMs === undefined ? {} : { mtbfMs },
            drainSeconds: 400,
          });
          assert(result.counts.offered > 0);
          assert.equal(settled(result), result.counts.offered);
          assert.equal(result.stillOpen, 0);
        },
      ),
      12,
    );
  });

  test(`${name}: the same seed is the same run`, async () => {
    const options = {
      arrivals: poisson(700),
      system: make(),
      scaling: { kind: "fixed", replicas: 3 } as const,
      profile: { ...PLAIN, noise: 0.2 },
    };
    const [one, same, other] = [await run(options), await run(options), await run({ ...options, seed: 2 })];
    const figures = ({ counts, p50Ms, events }: ExperimentResult): object => ({ counts, p50Ms, events });
    assert.deepEqual(figures(same), figures(one));
    assert.notDeepEqual(figures(other), figures(one));
  });
}
