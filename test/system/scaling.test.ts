// The quick form of every scaling scenario, with the real server: what was promised of counts and of ratios within one run.
// What is about time alone is told, and asserted by `npm run scaling`.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runScenario, SCENARIOS } from "../../loadtests/scaling/index.ts";

// Replicas that sleep share a machine well.
describe("scaling with the real server", { timeout: 300_000, concurrency: 3 }, () => {
  for (const scenario of SCENARIOS) {
    it(`${scenario.name}: ${scenario.title}`, async (t) => {
      const { promises, seen } = await runScenario(scenario, { quick: true, seed: 1, signal: t.signal });
      for (const { promise, found, kept, timed } of promises) {
        t.diagnostic(`${kept ? "kept" : timed ? "missed" : "broken"}: ${promise} (${found})`);
      }
      assert(seen.ok > 0 && promises.length > 1);
      const broken = promises.filter(({ kept, timed }) => !kept && !timed);
      assert.deepEqual(broken, []);
    });
  }
});
