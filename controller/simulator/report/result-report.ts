// Results of runs for a person: a row each, and plots of replicas and demand over time and of attainment against cost.

import type { ExperimentResult } from "../run/experiment.ts";
import type { Chart, Series } from "./svg-chart.ts";
import { count, milliseconds, percent, type TextTable } from "./text-table.ts";

/** Runs of one configuration, one for each seed. */
export interface NamedRuns {
  readonly name: string;
  readonly runs: readonly ExperimentResult[];
}

export function resultTable(all: readonly NamedRuns[]): TextTable {
  return {
    columns: [
      "system",
      "attainment",
      "worst minute",
      "good/s",
      "p50 ms",
      "p99 ms",
      "batch",
      "late",
      "refused",
      "failed",
      "gave up",
      "replica-s",
      "peak",
      "turns",
    ],
    rows: all.map(({ name, runs }) => {
      const mean = (of: (run: ExperimentResult) => number): number =>
        runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
      const share = (of: (run: ExperimentResult) => number): string =>
        percent(mean((run) => of(run) / Math.max(1, run.counts.offered)));
      return [
        name,
        percent(mean((run) => run.attainment)),
        percent(
          mean((run) => run.worstMinute),
          1,
        ),
        count(mean((run) => run.goodput)),
        milliseconds(mean((run) => run.p50Ms)),
        milliseconds(mean((run) => run.p99Ms)),
        mean((run) => run.meanBatch).toFixed(1),
        share((run) => run.counts.late),
        share((run) => run.counts.refused),
        share((run) => run.counts.failed),
        share((run) => run.counts.abandoned),
        count(mean((run) => run.replicaSeconds)),
        count(mean((run) => run.peakReplicas)),
        count(mean((run) => run.reversals)),
      ];
    }),
  };
}

/** Demand and what was answered in time of the first seed, and the replicas of each. */
export function timelineChart(title: string, all: readonly NamedRuns[], needed?: Uint16Array): Chart {
  const [first] = all[0]?.runs ?? [];
  const seconds = first?.seconds ?? 0;
  const bin = Math.max(1, Math.ceil(seconds / 300));
  const demand = first === undefined ? [] : binned(first.perSecond.offered, bin);
  const answered = all.flatMap(({ name, runs }): Series[] => {
    const [run] = runs;
    return run === undefined ? [] : [{ name, kind: "line", points: binned(run.perSecond.good, bin) }];
  });
  const replicas = all.flatMap(({ name, runs }): Series[] => {
    const [run] = runs;
    if (run === undefined) return [];
    const points = run.fleet
      .filter(({ atMs }) => atMs <= seconds * 1_000)
      .map(({ atMs, ready }) => [atMs / 1_000, ready] as const);
    const last = points.at(-1);
    return [{ name, kind: "step", points: last === undefined ? [] : [...points, [seconds, last[1]]] }];
  });
  const time = { label: "time, seconds", from: 0, to: seconds };
  const hindsight: Series[] =
    needed === undefined
      ? []
      : [{ name: "needed (hindsight)", kind: "step", muted: true, points: highest(needed, bin) }];
  return {
    title,
    subtitle: `the first seed; means of ${bin} s`,
    panels: [
      {
        title: "Demand, and what was answered in time",
        x: time,
        y: { label: "requests per second", from: 0 },
        series: [{ name: "sent", kind: "area", muted: true, points: demand }, ...answered],
      },
      {
        title: "Replicas ready",
        x: time,
        y: { label: "replicas", from: 0 },
        series: [...hindsight, ...replicas],
      },
    ],
  };
}

/** A dot for each configuration: up is better, left is cheaper. */
export function costChart(title: string, all: readonly NamedRuns[]): Chart {
  const series = all.map(
    ({ name, runs }): Series => ({
      name,
      kind: "dots",
      points: runs
        .filter(({ attainment }) => Number.isFinite(attainment))
        .map((run) => [run.replicaSeconds, 100 * run.attainment] as const),
    }),
  );
  return {
    title,
    subtitle: "a dot for each seed",
    panels: [
      {
        x: { label: "replica-seconds", log: true },
        y: { label: "answered within the objective, %", from: lowest(all), to: 100.2 },
        series,
      },
    ],
  };
}

function lowest(all: readonly NamedRuns[]): number {
  const shares = all.flatMap(({ runs }) => runs.map(({ attainment }) => attainment)).filter(Number.isFinite);
  return Math.max(0, Math.floor(100 * Math.min(1, ...shares) - 1));
}

function binned(perSecond: Float64Array, bin: number): [number, number][] {
  const points: [number, number][] = [];
  for (let from = 0; from + bin <= perSecond.length; from += bin) {
    const sum = perSecond.subarray(from, from + bin).reduce((total, value) => total + value, 0);
    points.push([from + bin / 2, sum / bin]);
  }
  return points;
}

function highest(values: Uint16Array, bin: number): [number, number][] {
  const points: [number, number][] = [];
  for (let from = 0; from < values.length; from += bin) {
    points.push([from, values.subarray(from, from + bin).reduce((most, value) => Math.max(most, value), 0)]);
  }
  return points;
}
