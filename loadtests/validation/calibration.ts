// What the simulator has to be told of the real thing, measured once on an idle server, before any workload and for all of
// them alike: how long batches take where the sleep ends late, the hop, the door, a replica's start.

import type { RequestClass } from "../open-loop/index.ts";
import { configOf } from "../chaos/config-file.ts";
import { Stage, type StageOptions } from "../scaling/stage.ts";
import { type Sleep, sleeper } from "../scaling/sleepers.ts";
import { readStatistics } from "../scaling/statistics.ts";

export interface Calibration {
  /** Of a batch as replicas run it, in milliseconds: fixed + perRow · rows. */
  readonly fixedMs: number;
  readonly perRowMs: number;
  /** Relative standard deviation of what a single request takes, by the middle two thirds of them. */
  readonly noise: number;
  /** To a replica and back. */
  readonly hopMs: number;
  /** Outside of dispatcher and replica: sockets, decoding, the generator. */
  readonly doorMs: number;
  /** From being asked for to running; the mean of several asked for at once, of which the first has a process in reserve. */
  readonly startUpMs: number;
}

const NAME = "calibrated";
/** Batches of each size, and replicas that are started. */
const FULL = { batches: 40, starts: 3 };
const QUICK = { batches: 8, starts: 1 };
/** Between two requests, so that none meets another. */
const PAUSE_MS = 60;

export async function calibrate(sleep: Sleep, options: StageOptions): Promise<Calibration> {
  await using stage = await Stage.open(options);
  const { batches, starts } = options.quick ? QUICK : FULL;
  const deployment = sleeper(NAME, stage.folder, { sleep, num_replicas: 1 });
  const server = await stage.serve(deployment);
  const one = await measure(stage, { sleep, batches, rows: 1 });
  const full = await measure(stage, { sleep, batches, rows: sleep.maxBatch });
  const { success, queue, compute, bySize } = await readStatistics(server.url, NAME);
  const [oneMs, fullMs] = [bySize.get(1) ?? Number.NaN, bySize.get(sleep.maxBatch) ?? Number.NaN];
  const perRowMs = (fullMs - oneMs) / (sleep.maxBatch - 1);
  const startUps: number[] = [];
  const askedMs = performance.now();
  await server.deploy(configOf({ ...deployment, num_replicas: 1 + starts }));
  for (let replicas = 2; replicas <= 1 + starts; replicas++) {
    const more = (running: number): boolean => running >= replicas;
    await stage.untilReplicas(NAME, "more run", more, { settled: false });
    startUps.push(performance.now() - askedMs);
  }
  // Of what a request takes besides its batch, the hop's part is as the server's own means have it: a hiccup moves a mean.
  const besideMs = Math.max(0, median(one) - oneMs);
  const meanBesideMs = (mean(one) + mean(full)) / 2 - compute;
  const hopPart = Math.min(1, Math.max(0, (success - queue - compute) / meanBesideMs));
  return {
    fixedMs: oneMs - perRowMs,
    perRowMs,
    noise: (quantile(one, 0.84) - quantile(one, 0.16)) / 2 / oneMs,
    hopMs: hopPart * besideMs,
    doorMs: (1 - hopPart) * besideMs,
    startUpMs: mean(startUps),
  };
}

/** As a line for people. */
export function showCalibration({ fixedMs, perRowMs, noise, hopMs, doorMs, startUpMs }: Calibration): string {
  const ms = (value: number): string => value.toFixed(1);
  return (
    `measured on the idle server: a batch takes ${ms(fixedMs)} + ${perRowMs.toFixed(2)}·rows ms, deviation ${(100 * noise).toFixed(1)} %; ` +
    `hop ${ms(hopMs)} ms, door ${ms(doorMs)} ms; a replica starts in ${(startUpMs / 1_000).toFixed(2)} s`
  );
}

/** Latencies of single requests of so many rows, one after the other. */
async function measure(
  stage: Stage,
  { sleep, batches, rows }: { readonly sleep: Sleep; readonly batches: number; readonly rows: number },
): Promise<readonly number[]> {
  const everyMs = 1.5 * (sleep.fixedMs + sleep.perRowMs * rows) + PAUSE_MS;
  const timesMs = Array.from({ length: batches }, (_, index) => index * everyMs);
  const requests = [rowsOf(stage.request(NAME), rows)];
  const load = stage.load(NAME, { requests, arrivals: { kind: "times", timesMs } });
  await load.ended();
  return load.settled.map(({ settledMs, intendedMs }) => settledMs - intendedMs);
}

function rowsOf(request: RequestClass, rows: number): RequestClass {
  const data = Array.from({ length: 4 * rows }, (_, index) => index % 4);
  return {
    ...request,
    body: JSON.stringify({ inputs: [{ name: "x", datatype: "INT32", shape: [rows, 4], data }] }),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * values.length)] ?? Number.NaN;
}
