// What the simulator has to be told of the real thing, measured once on an idle server, before any workload and for all of
// them alike: how long batches take where the sleep ends late, the hop, the door, a replica's start.

import type { RequestClass } from "../open-loop/index.ts";
import { configOf } from "../chaos/config-file.ts";
import { Stage, type StageOptions } from "../scaling/stage.ts";
import { batchesRun, type Sleep, sleeper } from "../scaling/sleepers.ts";
import { readStatistics } from "../scaling/statistics.ts";

export interface Calibration {
  /** Of a batch as replicas run it, in milliseconds: fixed + perRow · rows. */
  readonly fixedMs: number;
  readonly perRowMs: number;
  /** From being let in to being answered, on an idle server, but for the batch itself. */
  readonly hopMs: number;
  /** Outside of dispatcher and replica: sockets, decoding, the generator. */
  readonly doorMs: number;
  /** From being asked for to running: the mean of several, one after the other, and their relative standard deviation. */
  readonly startUpMs: number;
  readonly startUpNoise: number;
}

const NAME = "calibrated";
/** Batches of each size, and replicas that are started. */
const FULL = { batches: 40, starts: 6 };
const QUICK = { batches: 8, starts: 2 };
/** Between two requests, so that none meets another. */
const PAUSE_MS = 60;
/** After a start, until there is a process in reserve again, as there mostly is. */
const REST_MS = 1_000;

export async function calibrate(sleep: Sleep, options: StageOptions): Promise<Calibration> {
  await using stage = await Stage.open(options);
  const { batches, starts } = options.quick ? QUICK : FULL;
  // Chance in the batches' times is a setting, and not to be measured; and hiccups move no median.
  const steady = { ...sleep, noise: 0, jitter: 0 };
  const deployment = sleeper(NAME, stage.folder, { sleep: steady, num_replicas: 1 });
  const server = await stage.serve(deployment);
  const one = await measure(stage, { sleep, batches, rows: 1 });
  const full = await measure(stage, { sleep, batches, rows: sleep.maxBatch });
  const ran = [...(await batchesRun(stage.folder)).values()].flat();
  const ranMs = (size: number): number => median(ran.flatMap(({ rows, ms }) => (rows === size ? [ms] : [])));
  const [oneMs, fullMs] = [ranMs(1), ranMs(sleep.maxBatch)];
  const perRowMs = (fullMs - oneMs) / (sleep.maxBatch - 1);
  const { success, compute } = await readStatistics(server.url, NAME);
  const startUps: number[] = [];
  for (let replicas = 2; replicas <= 1 + starts; replicas++) {
    const askedMs = performance.now();
    await server.deploy(configOf({ ...deployment, num_replicas: replicas }));
    await stage.untilReplicas(NAME, "one more runs", (running) => running >= replicas, { settled: false });
    startUps.push(performance.now() - askedMs);
    await stage.wait(REST_MS);
  }
  // Of what a request takes besides its batch, the hop's part is as the server's own means have it.
  const besideMs = Math.max(0, (median(one) - oneMs + median(full) - fullMs) / 2);
  const meanBesideMs = (mean(one) + mean(full)) / 2 - compute;
  const hopPart = Math.min(1, Math.max(0, (success - compute) / meanBesideMs));
  const startUpMs = mean(startUps);
  return {
    fixedMs: oneMs - perRowMs,
    perRowMs,
    hopMs: hopPart * besideMs,
    doorMs: (1 - hopPart) * besideMs,
    startUpMs,
    startUpNoise: Math.sqrt(mean(startUps.map((ms) => (ms - startUpMs) ** 2))) / startUpMs,
  };
}

/** As a line for people. */
export function showCalibration(calibration: Calibration): string {
  const { fixedMs, perRowMs, hopMs, doorMs, startUpMs, startUpNoise } = calibration;
  const ms = (value: number): string => value.toFixed(1);
  return (
    `measured on the idle server: a batch takes ${ms(fixedMs)} + ${perRowMs.toFixed(2)}·rows ms; hop ${ms(hopMs)} ms, ` +
    `door ${ms(doorMs)} ms; a replica starts in ${(startUpMs / 1_000).toFixed(2)} s, deviation ${(100 * startUpNoise).toFixed(0)} %`
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
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
