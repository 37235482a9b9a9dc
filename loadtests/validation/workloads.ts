// The workloads that are played on the real server and in the simulator. Replicas sleep; a batch of one row takes 100 ms, one
// of eight 240, so that what a small, busy machine adds is small beside it. Four replicas get through 133 rows a second.

import type { ArrivalPlan } from "../open-loop/index.ts";
import type { Sleep } from "../scaling/sleepers.ts";

const SLEEP: Sleep = { fixedMs: 80, perRowMs: 20, maxBatch: 8, noise: 0.05 };
/** From arrival to answer: two and a half full batches. */
const OBJECTIVE_MS = 600;
/** Until service times are learnt; not counted. */
const WARM_UP_SECONDS = 3;

export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
}

type RatePlan = Extract<ArrivalPlan, { readonly kind: "rate" }>;

/** What is served, and how slowly. */
export interface Pace {
  readonly sleep: Sleep;
  readonly objectiveMs: number;
  readonly warmUpSeconds: number;
}

export interface Workload {
  /** As on the command line. */
  readonly name: string;
  readonly title: string;
  readonly arrivals: RatePlan;
  readonly seconds: number;
  /** A number of replicas, or between which the autoscaler chooses. */
  readonly replicas: number | Bounds;
}

const FIXED = 4;
const SCALED: Bounds = { min: 1, max: 8, initial: 2 };

export const WORKLOADS: readonly Workload[] = [
  {
    name: "steady",
    title: "Poisson arrivals at 0.6 of what four replicas can do",
    arrivals: { kind: "rate", ratePerSecond: 80 },
    seconds: 60,
    replicas: FIXED,
  },
  {
    name: "bursts",
    title: "heavy bursts (CV 4) at half of what four replicas can do",
    arrivals: { kind: "rate", ratePerSecond: 67, process: { kind: "gamma", cv: 4 } },
    seconds: 60,
    replicas: FIXED,
  },
  {
    name: "step",
    title: "from 0.3 to 0.9 of what four replicas can do",
    arrivals: { kind: "rate", ratePerSecond: 40, profile: { kind: "step", atMs: 25_000, factor: 3 } },
    seconds: 60,
    replicas: FIXED,
  },
  {
    name: "over",
    title: "half as much again as four replicas can do",
    arrivals: { kind: "rate", ratePerSecond: 200 },
    seconds: 45,
    replicas: FIXED,
  },
  {
    name: "scaled-step",
    title: "five times the rate for 50 s, replicas counted",
    arrivals: {
      kind: "rate",
      ratePerSecond: 20,
      profile: { kind: "step", atMs: 20_000, factor: 5, untilMs: 70_000 },
    },
    seconds: 130,
    replicas: SCALED,
  },
  {
    name: "scaled-bursts",
    title: "heavy bursts (CV 4), replicas counted",
    arrivals: { kind: "rate", ratePerSecond: 50, process: { kind: "gamma", cv: 4 } },
    seconds: 120,
    replicas: SCALED,
  },
];

/** So many times as slow: what a busy machine adds is then a smaller part of it. */
export function paceOf(stretch: number): Pace {
  const sleep = { ...SLEEP, fixedMs: stretch * SLEEP.fixedMs, perRowMs: stretch * SLEEP.perRowMs };
  return { sleep, objectiveMs: stretch * OBJECTIVE_MS, warmUpSeconds: stretch * WARM_UP_SECONDS };
}

/** As many requests, so many times as slowly. */
export function stretched(workload: Workload, stretch: number): Workload {
  const { arrivals, seconds } = workload;
  const { profile, ratePerSecond } = arrivals;
  const slower =
    profile?.kind === "step"
      ? {
          ...profile,
          atMs: stretch * profile.atMs,
          ...(profile.untilMs === undefined ? {} : { untilMs: stretch * profile.untilMs }),
        }
      : profile;
  return {
    ...workload,
    seconds: stretch * seconds,
    arrivals: {
      ...arrivals,
      ratePerSecond: ratePerSecond / stretch,
      ...(slower === undefined ? {} : { profile: slower }),
    },
  };
}
