// The chaos scenarios in their quick form: a real server, real sockets, real kills. What took how long is not judged
// here, only what became of requests and replicas.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runScenario, SCENARIOS } from "../../loadtests/chaos/index.ts";

/** Of requests a second: enough to have some under way at any time, on a machine that runs other tests. */
const RATE = 60;
const SEED = Number(process.env["SHOAL_SEED"] ?? Date.now() % 2 ** 31);

describe("under load", { concurrency: 3, timeout: 300_000 }, () => {
  for (const scenario of SCENARIOS) {
    it(scenario.title, { timeout: 200_000 }, async (test) => {
      test.diagnostic(`seed ${SEED}`);
      const options = { quick: true, ratePerSecond: RATE, seed: SEED, signal: test.signal };
      const report = await runScenario(scenario, options);
      const { requests, ok, failed, refused, lost, unanswered, twice, promises } = report;
      const answered = ok + Object.values(failed).reduce((sum, count) => sum + count, 0);
      assert.equal(
        answered + refused + lost + unanswered + twice,
        requests,
        "every request is accounted for",
      );
      const broken = promises.filter(({ kept, timed }) => !kept && !timed);
      assert.deepEqual(broken, [], `${promises.length} promises, ${requests} requests`);
    });
  }
});
