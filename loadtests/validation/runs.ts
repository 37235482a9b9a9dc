// One workload on the real server, and the very same arrivals in the simulator.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { plannedTimes } from "../open-loop/index.ts";
import type { Stage } from "../scaling/stage.ts";
import { sleeper } from "../scaling/sleepers.ts";
import type { Calibration } from "./calibration.ts";
import type { Figures } from "./figures.ts";
import type { Pace, Workload } from "./workloads.ts";

/** The server's own default. */
const REQUEST_TIMEOUT_SECONDS = 60;
const REPOSITORY = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** Milliseconds from the first arrival on. */
export function arrivalsOf({ arrivals, seconds }: Workload, seed: number): readonly number[] {
  const times = [...Iterator.from(plannedTimes(arrivals, seed, 1_000 * seconds))];
  const [first = 0] = times;
  return times.map((timeMs) => timeMs - first);
}

export async function runReal(stage: Stage, workload: Workload, options: RealOptions): Promise<Played> {
  const { name, replicas, seconds } = workload;
  const { timesMs, sleep, objectiveMs, warmUpSeconds } = options;
  const scaling =
    typeof replicas === "number"
      ? { num_replicas: replicas, autoscaling_config: { latency_slo_ms: objectiveMs } }
      : {
          autoscaling_config: {
            min_replicas: replicas.min,
            max_replicas: replicas.max,
            initial_replicas: replicas.initial,
            latency_slo_ms: objectiveMs,
          },
        };
  await stage.serve(sleeper(name, stage.folder, { sleep, ...scaling }));
  const before = stage.replicaSeconds;
  const beganMs = Date.now();
  const load = stage.load(name, { arrivals: { kind: "times", timesMs } });
  await stage.wait(1_000 * seconds);
  const replicaSeconds = stage.replicaSeconds - before;
  await load.ended();
  const { decisions } = typeof replicas === "number" ? { decisions: [] } : await stage.scaling(name);
  const changes = decisions
    .filter(({ from, to }) => from !== to)
    .map(({ since, explanation }) => `${secondsSince(beganMs, since)} s  ${explanation}`);
  const { sent, inTime, p50Ms, p99Ms } = load.seen({ fromMs: 1_000 * warmUpSeconds, objectiveMs });
  return { sent, attainment: inTime / sent, p50Ms, p99Ms, replicaSeconds, decisions: changes };
}

/** As many runs as wanted: the same arrivals, other batches' times. */
export async function runSimulated(
  folder: string,
  workload: Workload,
  { timesMs, sleep, objectiveMs, warmUpSeconds, calibration, runs }: SimulatedOptions,
): Promise<readonly Played[]> {
  const trace = join(folder, `${workload.name}.csv`);
  await writeFile(trace, ["time", ...timesMs.map((timeMs) => (timeMs / 1_000).toFixed(6))].join("\n"));
  const { replicas, seconds } = workload;
  const { fixedMs, perRowMs, hopMs, doorMs, startUpMs, startUpNoise } = calibration;
  const counted =
    typeof replicas === "number"
      ? { systems: "shoal", replicas }
      : { systems: "shoal+slo", min: replicas.min, max: replicas.max, initial: replicas.initial };
  const options = {
    workload: trace,
    profile: [fixedMs, perRowMs, sleep.maxBatch].join(","),
    noise: Math.max(0.001, sleep.noise ?? 0),
    slo: objectiveMs,
    ...counted,
    "start-up": startUpMs / 1_000,
    "start-up-noise": Math.max(0.001, startUpNoise),
    hop: Math.max(0.001, hopMs),
    door: Math.max(0.001, doorMs),
    "request-timeout": REQUEST_TIMEOUT_SECONDS,
    "warm-up": warmUpSeconds,
    duration: seconds,
    seeds: runs,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { stdout } = await run(process.execPath, ["bin/shoal.js", "simulate", ...args, "--json"], {
    cwd: REPOSITORY,
    maxBuffer: 2 ** 28,
  });
  return playedIn(stdout);
}

/** What a run came to, and each change of the number of replicas, with its second. */
export interface Played extends Figures {
  readonly decisions: readonly string[];
}

export interface RealOptions extends Pace {
  readonly timesMs: readonly number[];
}

export interface SimulatedOptions extends RealOptions {
  readonly calibration: Calibration;
  readonly runs: number;
}

interface SimulatedRun extends Omit<Figures, "sent"> {
  readonly counts: { readonly offered: number };
  readonly explanations: readonly string[];
}

function secondsSince(beganMs: number, at: string): string {
  return ((Date.parse(at) - beganMs) / 1_000).toFixed(1);
}

function playedIn(json: string): readonly Played[] {
  const { systems } = JSON.parse(json) as {
    readonly systems: readonly { readonly runs: readonly SimulatedRun[] }[];
  };
  return (systems[0]?.runs ?? []).map(
    ({ counts, explanations, attainment, p50Ms, p99Ms, replicaSeconds }) => ({
      sent: counts.offered,
      decisions: explanations,
      attainment,
      p50Ms,
      p99Ms,
      replicaSeconds,
    }),
  );
}
