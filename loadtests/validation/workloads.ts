// The workloads that are played on the real server and in the simulator. Replicas sleep; a batch of one row takes 100 ms, one
// of eight 240, so that what a small, busy machine adds is small beside it. Four replicas get through 133 rows a second.

import type { ArrivalPlan } from "../open-loop/index.ts";
import type { Sleep } from "../scaling/sleepers.ts";

export const SLEEP: Sleep = { fixedMs: 80, perRowMs: 20, maxBatch: 8, noise: 0.05 };
/** From arrival to answer: two and a half full batches. */
export const OBJECTIVE_MS = 600;

export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
}

export interface Workload {
  /** As on the command line. */
  readonly name: string;
  readonly title: string;
  readonly arrivals: ArrivalPlan;
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
