// What dispatching costs a request, in processor time of the door's process: with a thousand replicas and ten thousand
// requests waiting it must stay what it is with one. Measured by a program of the dispatcher's own tests, since a
// black-box client cannot hold so many replicas.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Verdict } from "./figures.ts";

/** Microseconds, all in all: admitted, decided on, sent and answered. */
export interface DecisionCost {
  readonly id: string;
  readonly us: number;
  readonly refusalUs: number;
}

/** Id of the scenario, for `--only`. */
export const DECISIONS_ID = "dispatch decisions";

const WANTED_US = 10;
const REPOSITORY = join(import.meta.dirname, "../..");
const PROGRAM = join(REPOSITORY, "test/controller/dispatch/fixtures/measure-decisions.ts");

export async function measureDecisions(rounds: number): Promise<readonly DecisionCost[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    PROGRAM,
    "--json",
    "--rounds",
    String(rounds),
  ]);
  return JSON.parse(stdout) as readonly DecisionCost[];
}

export function decisionVerdicts(costs: readonly DecisionCost[]): Verdict[] {
  return costs.map(({ id, us }) => ({
    title: `µs to dispatch, ${id}`,
    found: us,
    wanted: `≤ ${WANTED_US}`,
    unit: "count",
    met: us <= WANTED_US,
  }));
}
