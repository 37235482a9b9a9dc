// What is the same for all who are compared: the workload, the model, the objective, the clients, the troubles.

import { type AutoscalingPolicy, type ReplicaBounds } from "../../autoscale/index.ts";
import { fluidBound, oraclePlan, PlannedPolicy } from "../bounds/bounds.ts";
import { arrivalsPerSecond, replicasNeeded } from "../bounds/demand.ts";
import { type SystemMaker } from "../systems/serving-system.ts";
import { type ExperimentOptions, type ExperimentResult, runExperiment } from "./experiment.ts";

export interface Scenario extends Omit<ExperimentOptions, "seed" | "system" | "scaling"> {
  /** As in tables. */
  readonly name: string;
}

/** How many replicas: so many, as a policy says, or as one would with hindsight. */
export type ScalingRule =
  | { readonly kind: "fixed"; readonly replicas: number }
  | {
      readonly kind: "policy";
      readonly make: (scenario: Scenario) => AutoscalingPolicy;
      readonly bounds: ReplicaBounds;
    }
  | { readonly kind: "oracle"; readonly bounds: ReplicaBounds };

/** A system and a way to choose its number of replicas. */
export interface Contender {
  readonly name: string;
  readonly system: SystemMaker;
  readonly scaling: ScalingRule;
}

export function runContender(
  scenario: Scenario,
  { system, scaling }: Contender,
  seed: number,
): Promise<ExperimentResult> {
  switch (scaling.kind) {
    case "fixed":
      return runExperiment({ ...scenario, seed, system, scaling });
    case "policy": {
      const policy = scaling.make(scenario);
      return runExperiment({
        ...scenario,
        seed,
        system,
        scaling: { kind: "policy", policy, bounds: scaling.bounds },
      });
    }
    case "oracle": {
      const plan = planOf(scenario, seed);
      // What the first seconds need is there when they begin.
      const bounds = { ...scaling.bounds, initial: plan.target[0] ?? 0 };
      const policy = new PlannedPolicy(plan);
      return runExperiment({ ...scenario, seed, system, scaling: { kind: "policy", policy, bounds } });
    }
  }
}

/** Replicas that each second of the run of this seed needs. */
export function neededBy(scenario: Scenario, seed: number): Uint16Array {
  const { profile, objectiveMs, seconds } = scenario;
  return replicasNeeded(arrivalsPerSecond(scenario.arrivals, { seed, seconds }), { profile, objectiveMs });
}

/** Replica-seconds of the run of this seed: of the work itself, which is the least, and of whole replicas for every second with hindsight. */
export function boundsOf(
  scenario: Scenario,
  seed: number,
): { readonly fluid: number; readonly hindsight: number } {
  const { arrivals, seconds, profile, objectiveMs } = scenario;
  const requests = arrivalsPerSecond(arrivals, { seed, seconds }).reduce((sum, count) => sum + count, 0);
  const fluid = fluidBound(requests, profile, objectiveMs);
  // Where one row takes too long, nothing is enough.
  return { fluid, hindsight: fluid === Infinity ? Infinity : planOf(scenario, seed).replicaSeconds };
}

/** The cheapest schedule for the run of this seed. */
function planOf(scenario: Scenario, seed: number): ReturnType<typeof oraclePlan> {
  return oraclePlan(neededBy(scenario, seed), (scenario.startUpMs ?? 10_000) / 1_000);
}
