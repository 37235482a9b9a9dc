// How far two runs are apart, and a workload played more slowly. Pure.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Figures, gapsOf, meanOf } from "../../../loadtests/validation/figures.ts";
import { arrivalsOf } from "../../../loadtests/validation/runs.ts";
import { paceOf, stretched, WORKLOADS } from "../../../loadtests/validation/workloads.ts";

const REAL: Figures = { sent: 1_000, attainment: 0.98, p50Ms: 100, p99Ms: 400, replicaSeconds: 240 };

function keptOf(simulated: readonly Figures[]): readonly boolean[] {
  return gapsOf(REAL, simulated).map(({ kept }) => kept);
}

test("the simulator's mean counts, against half a point, a tenth, a tenth and a twentieth", () => {
  assert.deepEqual(keptOf([REAL]), [true, true, true, true]);
  const near = { ...REAL, attainment: 0.9849, p50Ms: 109, p99Ms: 361, replicaSeconds: 229 };
  assert.deepEqual(keptOf([near]), [true, true, true, true]);
  const far = { ...REAL, attainment: 0.9749, p50Ms: 111, p99Ms: 359, replicaSeconds: 253 };
  assert.deepEqual(keptOf([far]), [false, false, false, false]);
  // Two that are too far off on different sides are right in the mean, and what they do is told.
  const sides = [
    { ...REAL, p99Ms: 300 },
    { ...REAL, p99Ms: 500 },
  ];
  assert.deepEqual(keptOf(sides), [true, true, true, true]);
  assert.equal(gapsOf(REAL, sides)[2]?.found, "400.0 and 400.0: +0.0 %, single runs −25.0 to +25.0");
  assert.equal(meanOf(sides).p99Ms, 400);
});

test("more slowly the same number of requests comes, at the same moments of a longer run", () => {
  for (const workload of WORKLOADS) {
    const usual = arrivalsOf(workload, 7);
    const slow = arrivalsOf(stretched(workload, 4), 7);
    assert(usual.length > 1_000 && usual[0] === 0 && (usual.at(-1) ?? 0) < 1_000 * workload.seconds);
    assert.equal(slow.length, usual.length, workload.name);
    for (let index = 0; index < usual.length; index += 100) {
      const [atMs = Number.NaN, slowMs = Number.NaN] = [usual[index], slow[index]];
      assert(Math.abs(slowMs - 4 * atMs) < 1e-3 * (1 + slowMs), `${workload.name}: ${slowMs}, ${atMs}`);
    }
  }
  const [usual, slow] = [paceOf(1), paceOf(4)];
  assert.deepEqual([slow.sleep.fixedMs, slow.objectiveMs], [4 * usual.sleep.fixedMs, 4 * usual.objectiveMs]);
});
