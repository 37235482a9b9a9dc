// The quick form of `npm run validate`: that the real server and the simulator are given the same requests, and both are
// measured. How far apart they are is told, and asserted by the command, on a machine that is quiet enough.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validation, WORKLOADS } from "../../loadtests/validation/index.ts";
import { renderReport, renderReports } from "../../loadtests/validation/render.ts";

describe("the simulator beside the real server", { timeout: 120_000 }, () => {
  const validate = validation();
  for (const workload of WORKLOADS.filter(({ name }) => name === "over" || name === "scaled-step")) {
    it(`${workload.name}: ${workload.title}`, async (t) => {
      const report = await validate(workload, { quick: true, seed: 1, stretch: 1, signal: t.signal });
      const { promises, calibration, real, simulated } = report;
      for (const { promise, found } of promises) t.diagnostic(`${promise} (${found})`);
      assert.deepEqual(
        promises.filter(({ kept, timed }) => !kept && !timed),
        [],
      );
      assert.equal(promises.length, 6);
      for (const [name, value] of Object.entries({ ...calibration, ...real })) {
        assert(Number.isFinite(value) && value >= 0, `${name}: ${value}`);
      }
      // Four replicas for six seconds, or from two on.
      for (const { replicaSeconds } of [real, simulated]) assert(replicaSeconds > 5, `${replicaSeconds}`);
      assert(renderReport(report).includes("measured on the idle server"));
      assert(renderReports([report]).includes(workload.name));
    });
  }
});
