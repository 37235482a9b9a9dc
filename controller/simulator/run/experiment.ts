// One run: a workload, a service profile, a system, a number of replicas or a policy, a seed; and what came of it.
//
// 1. The same options and seed give the same result, whatever else runs.
// 2. Arrivals, noise and start-ups come from streams of their own, so two systems see the same ones.

import type { AutoscalingPolicy, ReplicaBounds } from "../../autoscale/index.ts";
import { LoadCounts } from "../../routing/index.ts";
import { Random } from "../kernel/random.ts";
import { VirtualTime } from "../kernel/virtual-time.ts";
import { Fleet, type FleetMoment, type FleetOptions } from "../plant/fleet.ts";
import type { ServiceProfile } from "../plant/service-profile.ts";
import type { ServingSystem, SystemMaker } from "../systems/serving-system.ts";
import type { ArrivalStream } from "../workload/arrivals.ts";
import { type ClientBehaviour, Clients } from "./clients.ts";
import { Scaler } from "./scaler.ts";
import { type Ending, Tally } from "./tally.ts";

export type Scaling =
  | { readonly kind: "fixed"; readonly replicas: number }
  | {
      readonly kind: "policy";
      /** A policy keeps state: a new one for every run. */
      readonly policy: AutoscalingPolicy;
      readonly bounds: ReplicaBounds;
    };

export interface ExperimentOptions {
  readonly seed: number;
  readonly arrivals: (random: Random) => ArrivalStream;
  readonly seconds: number;
  /** What is sent before is not counted. Default 0. */
  readonly warmUpSeconds?: number;
  readonly profile: ServiceProfile;
  readonly objectiveMs: number;
  readonly system: SystemMaker;
  readonly scaling: Scaling;
  readonly clients?: ClientBehaviour;
  /** How long the requests still open at the end are waited for. Default 20 objectives. */
  readonly drainSeconds?: number;
  /** Default 0.5. */
  readonly hopMs?: number;
  /** What every answer takes outside of dispatcher and replica: sockets, decoding. Default 0. */
  readonly doorMs?: number;
  /** After so long the product gives a request up. Default: the objective, since what is late does not count. */
  readonly requestTimeoutMs?: number;
  /** Default 10,000. */
  readonly startUpMs?: number;
  readonly trouble?: Pick<FleetOptions, "startUpNoise" | "startUpContention" | "mtbfMs" | "slowness">;
}

export interface ExperimentResult {
  readonly system: string;
  readonly seconds: number;
  readonly counts: Readonly<Record<Ending, number>> & { readonly offered: number };
  /** Attempts that had not ended when the run did: neither good nor bad. */
  readonly stillOpen: number;
  /** Share of requests answered within the objective; NaN of none. */
  readonly attainment: number;
  /** Of the worst minute that had any; NaN when none had. */
  readonly worstMinute: number;
  /** Requests a second answered within the objective, over the time that is counted. */
  readonly goodput: number;
  /** Of those refused the share that was not told at once, and how long refusals took. */
  readonly refusals: { readonly lateShare: number; readonly p50Ms: number; readonly p99Ms: number };
  /** Of answers, from the first sending on, as the next three. */
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly meanBatch: number;
  readonly replicaSeconds: number;
  /** Times the target turned from up to down or back. */
  readonly reversals: number;
  readonly peakReplicas: number;
  readonly fleet: readonly FleetMoment[];
  readonly perSecond: { readonly offered: Float64Array; readonly good: Float64Array };
  readonly decisions: number;
  readonly explanations: readonly string[];
  /** Events of the simulation, and what it took to run it. */
  readonly events: number;
  readonly wallMs: number;
}

/** After the last request is sent, the open ones get so many objectives to end, unless told otherwise. */
const TAIL_OBJECTIVES = 20;
/** A refusal that takes longer was no refusal at the door. */
const AT_ONCE_MS = 5;

export async function runExperiment(options: ExperimentOptions): Promise<ExperimentResult> {
  const {
    seed,
    seconds,
    warmUpSeconds = 0,
    profile,
    objectiveMs,
    scaling,
    hopMs = 0.5,
    doorMs = 0,
    requestTimeoutMs = objectiveMs,
    startUpMs = 10_000,
    drainSeconds,
  } = options;
  const began = performance.now();
  const random = new Random(seed);
  const time = new VirtualTime();
  const load = new LoadCounts();
  const tally = new Tally(seconds, warmUpSeconds * 1_000);
  const untilMs = seconds * 1_000;
  const clients = new Clients({
    ...options.clients,
    time,
    random: random.fork("clients"),
    objectiveMs,
    untilMs,
    arrivals: options.arrivals(random.fork("workload")),
    load,
    tally,
    doorMs,
  });
  const system: ServingSystem = options.system.make({
    time,
    random: random.fork("system"),
    profile,
    objectiveMs,
    requestTimeoutMs,
    answered: (request) => clients.answered(request),
    unanswered: (request, why) => clients.unanswered(request, why),
    ran: (requests) => tally.ran(requests),
  });
  const fleet = new Fleet({
    ...options.trouble,
    time,
    random,
    profile,
    hopMs,
    startUpMs,
    onReady: (replica) => system.addReplica(replica),
    onRetire: (replica, gone) => system.retireReplica(replica, gone),
    onDeath: (replica) => system.loseReplica(replica),
    onStarted: (ms) => scaler?.started(ms),
  });
  const scaler =
    scaling.kind === "fixed"
      ? undefined
      : new Scaler({
          ...scaling,
          time,
          random: random.fork("scaler"),
          fleet,
          system,
          load,
          maxBatchRows: profile.maxRows,
          open: () => clients.open,
          startUpMs,
          untilMs,
        });
  if (scaling.kind === "fixed") fleet.begin(scaling.replicas);
  else scaler?.begin();
  clients.begin(system);
  await time.run(untilMs);
  const replicaSeconds = fleet.replicaMs / 1_000;
  await time.run(
    untilMs + (drainSeconds === undefined ? TAIL_OBJECTIVES * objectiveMs : 1_000 * drainSeconds),
  );
  const { counts, latencies, refusals } = tally;
  return {
    system: options.system.name,
    seconds,
    counts,
    stillOpen: clients.open,
    attainment: counts.offered === 0 ? Number.NaN : counts.good / counts.offered,
    worstMinute: tally.worstMinute(),
    goodput: counts.good / (seconds - warmUpSeconds),
    refusals: {
      lateShare: refusals.countAbove(AT_ONCE_MS) / Math.max(1, refusals.count),
      p50Ms: refusals.at(0.5),
      p99Ms: refusals.at(0.99),
    },
    meanMs: latencies.meanMs,
    p50Ms: latencies.at(0.5),
    p99Ms: latencies.at(0.99),
    p999Ms: latencies.at(0.999),
    meanBatch: tally.meanBatch,
    replicaSeconds,
    reversals: reversalsOf(fleet.history),
    peakReplicas: fleet.history.reduce((most, { target }) => Math.max(most, target), 0),
    fleet: fleet.history,
    perSecond: tally.perSecond,
    decisions: scaler?.decisions ?? 0,
    explanations: scaler?.explanations ?? [],
    events: time.happened,
    wallMs: performance.now() - began,
  };
}

export function reversalsOf(history: readonly FleetMoment[]): number {
  let [turns, direction, before] = [0, 0, history[0]?.target ?? 0];
  for (const { target } of history) {
    const step = Math.sign(target - before);
    if (step !== 0 && direction !== 0 && step !== direction) turns++;
    if (step !== 0) direction = step;
    before = target;
  }
  return turns;
}
