// How long batches truly take in a simulation: t(b) = fixed + perRow·b, times noise. What the product learns of it, it learns
// from the batches it runs.

import { batchCapacity, type ServiceTime, type ServiceTimes } from "../../latency-model/index.ts";

export interface ServiceProfile extends ServiceTime {
  readonly name: string;
  /** Largest batch that fits in memory. */
  readonly maxRows: number;
  /** Relative standard deviation of a batch's time, log-normal. */
  readonly noise: number;
}

/** Three kinds of models (Proteus' profiles): batching pays twentyfold, fivefold, not at all; and a large one. */
export const PROFILES = {
  gpu: { name: "gpu", fixedMs: 10, perRowMs: 0.5, maxRows: 64, noise: 0.05 },
  resnet: { name: "resnet", fixedMs: 5.07, perRowMs: 1.05, maxRows: 32, noise: 0.05 },
  cpu: { name: "cpu", fixedMs: 1, perRowMs: 20, maxRows: 32, noise: 0.05 },
  large: { name: "large", fixedMs: 100, perRowMs: 20, maxRows: 32, noise: 0.05 },
} satisfies Record<string, ServiceProfile>;

export type ProfileName = keyof typeof PROFILES;

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

export function batchMs({ fixedMs, perRowMs }: ServiceTime, rows: number): number {
  return fixedMs + perRowMs * rows;
}

/** The truth, in the form in which the product asks what it has learnt. */
export function trueTimes(profile: ServiceProfile): ServiceTimes {
  const meanMs = (rows: number): number => batchMs(profile, rows);
  return {
    meanMs,
    predictMs: meanMs,
    maxRowsWithin: (budgetMs, limit) => {
      if (meanMs(1) > budgetMs) return 0;
      if (profile.perRowMs === 0) return limit;
      return Math.min(limit, Math.floor((budgetMs - profile.fixedMs) / profile.perRowMs + 1e-9));
    },
    noise: profile.noise,
  };
}

/** Requests per second that N replicas sharing one queue get through within the objective: C(N), exact times, no margin. */
export function trueCapacity(profile: ServiceProfile, replicas: number, objectiveMs: number): number {
  if (replicas < 1) return 0;
  return batchCapacity(trueTimes(profile), { replicas, objectiveMs, maxRows: profile.maxRows });
}
