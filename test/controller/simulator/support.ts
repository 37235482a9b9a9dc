// Runs of the simulator as tests want them: small, and each with its defaults.

import { Random } from "../../../controller/simulator/kernel/random.ts";
import {
  type ExperimentOptions,
  type ExperimentResult,
  runExperiment,
} from "../../../controller/simulator/run/experiment.ts";
import { shoal } from "../../../controller/simulator/systems/shoal.ts";
import { type ArrivalStream, replayed, steady } from "../../../controller/simulator/workload/arrivals.ts";
import type { ServiceProfile } from "../../../controller/simulator/plant/service-profile.ts";

/** 10 ms and 1 ms a row, without noise. */
export const PLAIN: ServiceProfile = { name: "plain", fixedMs: 10, perRowMs: 1, maxRows: 16, noise: 0 };

export function poisson(perSecond: number): (random: Random) => ArrivalStream {
  return (random) => steady(() => random.exponential(1), perSecond);
}

/** Requests at these milliseconds. */
export function at(...moments: readonly number[]): () => ArrivalStream {
  return () => replayed(moments);
}

export function run(options: Partial<ExperimentOptions>): Promise<ExperimentResult> {
  return runExperiment({
    seed: 1,
    arrivals: poisson(100),
    seconds: 10,
    profile: PLAIN,
    objectiveMs: 100,
    system: shoal(),
    scaling: { kind: "fixed", replicas: 1 },
    hopMs: 0,
    ...options,
  });
}
