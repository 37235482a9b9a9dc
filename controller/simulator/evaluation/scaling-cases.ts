// The workloads and the rivals of the evaluation of replica counts.
//
// 1. Everybody has the same clients, who give up after twice the objective, the same start-ups, the same bounds.
// 2. Rivals run on the batching they are best with; each policy is tried with every target.

import {
  type AutoscalingPolicy,
  HpaPolicy,
  KnativePolicy,
  RayPolicy,
  type ReplicaBounds,
  SloPolicy,
} from "../../autoscale/index.ts";
import { PROFILES } from "../plant/service-profile.ts";
import type { Contender, Scenario } from "../run/scenario.ts";
import { triton, tunedRay } from "../systems/catalogue.ts";
import { shoal } from "../systems/shoal.ts";
import { GENERATORS, type GeneratorName } from "../workload/generators.ts";
import { openWorkload } from "../workload/workload.ts";

/** `smooth`: the level moves, without bursts. `hold-out`: nobody's parameters were chosen on it. */
export interface ScalingCase {
  readonly scenario: Scenario;
  readonly smooth: boolean;
  readonly heldOut: boolean;
}

export const OBJECTIVE_MS = 2_000;
export const START_UP_MS = 10_000;
export const BOUNDS: ReplicaBounds = { min: 1, max: 60, initial: 4 };
const SECONDS = 1_800;

interface Shape {
  readonly name: GeneratorName;
  readonly perSecond: number;
  /** Default half an hour. */
  readonly seconds?: number;
  readonly smooth?: true;
  readonly heldOut?: true;
}

const SHAPES: readonly Shape[] = [
  { name: "conversation", perSecond: 120, smooth: true },
  { name: "diurnal", perSecond: 120, seconds: 3_600, smooth: true },
  { name: "twitter", perSecond: 100, smooth: true },
  { name: "code", perSecond: 80 },
  { name: "step", perSecond: 60 },
  { name: "spikes", perSecond: 80 },
  { name: "clients", perSecond: 120, heldOut: true },
  { name: "functions", perSecond: 120, heldOut: true },
  { name: "ramp", perSecond: 8 },
  { name: "resonance", perSecond: 60 },
];

/** The generators, then the trace files, each superposed to about 100 requests a second. */
export async function scalingCases(traces: readonly string[]): Promise<ScalingCase[]> {
  const cases: ScalingCase[] = [];
  for (const { name, perSecond, seconds = SECONDS, smooth = false, heldOut = false } of SHAPES) {
    const generator = GENERATORS[name];
    const arrivals: Scenario["arrivals"] = (random) => generator({ perSecond, seconds, random });
    cases.push({ scenario: scenarioOf({ name, arrivals, seconds }), smooth, heldOut });
  }
  for (const path of traces) {
    const workload = await openWorkload(path, { perSecond: 100, seconds: SECONDS });
    cases.push({ scenario: scenarioOf(workload), smooth: /conv/.test(workload.name), heldOut: false });
  }
  return cases;
}

export function scenarioOf(workload: Pick<Scenario, "name" | "arrivals" | "seconds">): Scenario {
  return {
    ...workload,
    profile: PROFILES.large,
    objectiveMs: OBJECTIVE_MS,
    startUpMs: START_UP_MS,
    clients: { timeoutMs: 2 * OBJECTIVE_MS }, // invariant 1
  };
}

export const OURS: Contender = {
  name: "shoal",
  system: shoal(),
  scaling: {
    kind: "policy",
    make: ({ objectiveMs }) => new SloPolicy({ objectiveMs }),
    bounds: BOUNDS,
  },
};

export const ORACLE: Contender = {
  name: "oracle",
  system: shoal(),
  scaling: { kind: "oracle", bounds: { ...BOUNDS, min: 0 } },
};

const MAX_BATCH = 32;
const RAY_FAST = {
  upscaleDelayMs: 5_000,
  downscaleDelayMs: 60_000,
  lookBackPeriodMs: 10_000,
  metricsIntervalMs: 2_000,
} as const;
const TARGETS = [2, 4, 8, 16, 24];

/** Invariant 2. */
export function rivals(): Contender[] {
  const rival = (name: string, system: Contender["system"], make: () => AutoscalingPolicy): Contender => ({
    name,
    system,
    scaling: { kind: "policy", make, bounds: BOUNDS },
  });
  const rayPath = tunedRay(MAX_BATCH);
  const tritonPath = triton({ maxBatch: MAX_BATCH });
  return TARGETS.flatMap((target) => [
    rival(`ray ${target}`, rayPath, () => new RayPolicy({ targetOngoingRequests: target })),
    rival(`ray fast ${target}`, rayPath, () => new RayPolicy({ ...RAY_FAST, targetOngoingRequests: target })),
    rival(
      `kpa ${target}`,
      tritonPath,
      () => new KnativePolicy({ containerConcurrency: target, targetUtilisation: 1 }),
    ),
    rival(`hpa ${target}`, tritonPath, () => new HpaPolicy({ targetOngoingRequests: target })),
  ]);
}
