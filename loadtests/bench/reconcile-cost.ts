// What it costs to plan all that is served: 1,000 deployments of 10 replicas each, as they are settled, rolled over, or dead
// all at once; and that nothing is planned when nothing changed. Measured by a program of the reconciler's own tests, since a
// black-box client cannot hold so many replicas.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Verdict } from "./figures.ts";

/** Milliseconds of processor time, for all deployments together. */
export interface ReconcileCost {
  readonly id: string;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Deployments for which an answer was made. */
  readonly planned: number;
}

/** Id of the scenario, for `--only`. */
export const RECONCILE_ID = "reconcile";

const WANTED_MS = 50;
const REPOSITORY = join(import.meta.dirname, "../..");
const PROGRAM = join(REPOSITORY, "test/controller/reconcile/fixtures/measure-plan.ts");

export async function measureReconcile(): Promise<readonly ReconcileCost[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, "--json"]);
  return JSON.parse(stdout) as readonly ReconcileCost[];
}

export function reconcileVerdicts(costs: readonly ReconcileCost[]): Verdict[] {
  return costs.flatMap(({ id, medianMs, planned }): Verdict[] => [
    {
      title: `to plan 1,000 x 10, ${id}`,
      found: medianMs,
      wanted: `≤ ${WANTED_MS} ms`,
      unit: "ms",
      met: medianMs <= WANTED_MS,
    },
    ...(id.includes("nothing changed")
      ? [
          {
            title: `deployments planned of 1,000, ${id}`,
            found: planned,
            wanted: "0",
            unit: "count",
            met: planned === 0,
          } as const,
        ]
      : []),
  ]);
}
