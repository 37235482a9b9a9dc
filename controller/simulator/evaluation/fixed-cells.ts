// Cases with a fixed number of replicas: a kind of model, an objective in times of one row's, a burstiness; and the largest
// rate at which a system answers 99 % in time.

import { fluidAttainment } from "../bounds/load-bound.ts";
import { Random } from "../kernel/random.ts";
import { batchMs, PROFILES, type ServiceProfile, trueCapacity } from "../plant/service-profile.ts";
import { type ExperimentResult, runExperiment } from "../run/experiment.ts";
import type { SystemMaker } from "../systems/serving-system.ts";
import { GENERATORS } from "../workload/generators.ts";

export interface Cell {
  readonly profile: ServiceProfile;
  readonly objectiveMs: number;
  readonly cv: number;
  readonly replicas: number;
  /** C(N): requests per second with one shared queue, exact times and no chance. */
  readonly capacity: number;
  readonly name: string;
}

const REPLICAS = 8;
const WARM_UP_SECONDS = 2;
/** Requests that a run at capacity is to have, if it does not last too long. */
const REQUESTS = 30_000;
const [SHORTEST, LONGEST] = [4, 60];
const WANTED = 0.99;
const STEPS = 6;

export function cellOf(profile: ServiceProfile, times: number, cv: number): Cell {
  const objectiveMs = times * batchMs(profile, 1);
  const capacity = trueCapacity(profile, REPLICAS, objectiveMs);
  const name = `${profile.name}, ${objectiveMs.toFixed(0)} ms (${times}·t(1)), CV ${cv}`;
  return { profile, objectiveMs, cv, replicas: REPLICAS, capacity, name };
}

/** Three kinds of models at four times one row's time, arrivals from Poisson to bursts; and at a tighter objective. */
export function batchingCells(): Cell[] {
  return [PROFILES.gpu, PROFILES.resnet, PROFILES.cpu].flatMap((profile) => [
    cellOf(profile, 4, 1),
    cellOf(profile, 4, 2),
    cellOf(profile, 4, 4),
    cellOf(profile, 2.5, 1),
  ]);
}

/** How long a run of a cell lasts, warm-up included. */
function secondsOf({ capacity }: Cell): number {
  return WARM_UP_SECONDS + Math.min(LONGEST, Math.max(SHORTEST, Math.round(REQUESTS / capacity)));
}

export function runCell(
  cell: Cell,
  system: SystemMaker,
  { perSecond, seed }: { readonly perSecond: number; readonly seed: number },
): Promise<ExperimentResult> {
  const { profile, objectiveMs, cv, replicas } = cell;
  const seconds = secondsOf(cell);
  return runExperiment({
    seed,
    seconds,
    warmUpSeconds: WARM_UP_SECONDS,
    profile,
    objectiveMs,
    system,
    scaling: { kind: "fixed", replicas },
    arrivals: (random) => GENERATORS.steady({ perSecond, seconds, random, cv }),
  });
}

/** The largest rate with 99 % in time, as a share of the capacity, by halving: to one part in 66. 0.1 when that is
 * too much already. */
export function largestLoad(cell: Cell, system: SystemMaker, seed: number): Promise<number> {
  return halved(1.06, async (load) => {
    const { attainment } = await runCell(cell, system, { perSecond: load * cell.capacity, seed });
    return attainment;
  });
}

/** The same of a fluid server that knows every arrival beforehand: nobody bears more of the arrivals of this seed. */
export function largestLoadBound(cell: Cell, seed: number): Promise<number> {
  const { cv, capacity } = cell;
  const seconds = secondsOf(cell);
  const window = { fromMs: 1_000 * WARM_UP_SECONDS, untilMs: 1_000 * seconds };
  return halved(1.15, (load) => {
    const random = new Random(seed).fork("workload");
    const arrivals = GENERATORS.steady({ perSecond: load * capacity, seconds, random, cv });
    return fluidAttainment(arrivals, cell, window);
  });
}

async function halved(most: number, attainment: (load: number) => number | Promise<number>): Promise<number> {
  let [low, high] = [0.1, most];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if ((await attainment(middle)) >= WANTED) low = middle;
    else high = middle;
  }
  return low;
}
