// Evaluation of overload: what is still answered in time when much more comes than can be served.

import { bentoml, clipper, triton, tunedRay } from "../systems/catalogue.ts";
import type { SystemMaker } from "../systems/serving-system.ts";
import { shoal } from "../systems/shoal.ts";
import { PROFILES } from "../plant/service-profile.ts";
import type { Series } from "../report/svg-chart.ts";
import type { ExperimentResult } from "../run/experiment.ts";
import { type Cell, cellOf, runCell } from "./fixed-cells.ts";
import { type EvaluationOptions, type EvaluationReport, seedsUpTo } from "./report.ts";
import { estimate } from "./statistics.ts";

const LOADS = [1.5, 3];
const CHART_LOADS = [0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 2.5, 3];
/** Of the issue, in parts of the capacity. */
const WANTED = 0.9;

/** Batches of half of what the objective allows alone; Triton also with the queue timeout that leaves room for one. */
function systems({ objectiveMs, profile }: Cell): SystemMaker[] {
  const fits = Math.floor((objectiveMs / 2 - profile.fixedMs) / profile.perRowMs);
  const maxBatch = Math.max(1, Math.min(profile.maxRows, fits));
  const queueTimeoutMs = objectiveMs - profile.fixedMs - profile.perRowMs * maxBatch;
  return [
    shoal(),
    tunedRay(maxBatch, "ray tuned"),
    triton({ maxBatch }, "triton"),
    triton({ maxBatch, queueTimeoutMs }, "triton, queue timeout"),
    bentoml(),
    clipper(0.5),
  ];
}

export async function evaluateOverload({ seeds, progress }: EvaluationOptions): Promise<EvaluationReport> {
  const cells = [PROFILES.gpu, PROFILES.resnet, PROFILES.cpu].flatMap((profile) => [
    cellOf(profile, 4, 1),
    cellOf(profile, 4, 4),
  ]);
  const names = systems(cellOf(PROFILES.gpu, 4, 1)).map(({ name }) => name);
  const rows: string[][] = [];
  const own: number[] = [];
  for (const cell of cells) {
    for (const load of LOADS) {
      progress(`${cell.name}, ${load}× capacity`);
      const shares: string[] = [];
      let refusals = "";
      for (const system of systems(cell)) {
        const seen = await atLoad(cell, system, { load, seeds });
        shares.push(seen.goodput.toFixed(2));
        if (system.name !== "shoal") continue;
        own.push(seen.goodput);
        refusals = `${(100 * seen.waited).toFixed(1)} %, ${seen.refusedP99Ms.toFixed(0)} ms`;
      }
      rows.push([cell.name, `${load}×`, ...shares, refusals]);
    }
  }
  const least = Math.min(...own);
  const chart = cells.at(0);
  return {
    tables: [
      {
        title: `Answered in time, in parts of C(8), when more comes; ${seeds} seeds`,
        table: {
          columns: ["model, objective, arrivals", "load", ...names, "shoal's refusals that took 5 ms, p99"],
          rows,
        },
      },
    ],
    verdicts: [
      {
        target: "goodput ≥ 0.9 of capacity at 1.5× and at 3× overload",
        measured: `${own.filter((share) => share >= WANTED).length} of ${own.length} cases; the least ${least.toFixed(2)}`,
        reached: least >= WANTED,
      },
    ],
    charts: chart === undefined ? {} : { goodput: await goodputChart(chart) },
  };
}

/** Means over seeds. */
interface AtLoad {
  /** Answered in time, in parts of the capacity. */
  readonly goodput: number;
  /** Of those refused, the share that was let in first. */
  readonly waited: number;
  readonly refusedP99Ms: number;
}

async function atLoad(
  cell: Cell,
  system: SystemMaker,
  { load, seeds }: { readonly load: number; readonly seeds: number },
): Promise<AtLoad> {
  const all: ExperimentResult[] = [];
  for (const seed of seedsUpTo(seeds)) {
    all.push(await runCell(cell, system, { perSecond: load * cell.capacity, seed }));
  }
  const meanOf = (of: (run: ExperimentResult) => number): number => estimate(all.map(of)).mean;
  return {
    goodput: meanOf((run) => run.goodput / cell.capacity),
    waited: meanOf((run) => run.refusals.lateShare),
    refusedP99Ms: meanOf((run) => run.refusals.p99Ms),
  };
}

async function goodputChart(cell: Cell): Promise<import("../report/svg-chart.ts").Chart> {
  const series: Series[] = [
    {
      name: "all that comes, or C(8)",
      kind: "line",
      muted: true,
      points: CHART_LOADS.map((load) => [load, Math.min(load, 1)]),
    },
  ];
  for (const system of systems(cell)) {
    const points: [number, number][] = [];
    for (const load of CHART_LOADS)
      points.push([load, (await atLoad(cell, system, { load, seeds: 3 })).goodput]);
    series.push({ name: system.name, kind: "line", points });
  }
  return {
    title: "Answered in time by load",
    subtitle: `${cell.name}, ${cell.replicas} replicas, C(8) = ${Math.round(cell.capacity).toLocaleString("en-US")} requests a second; means of 3 seeds`,
    panels: [
      {
        x: { label: "requests sent, in parts of the capacity C(8)", from: 0, to: 3 },
        y: { label: "answered in time, in parts of C(8)", from: 0, to: 1.05 },
        series,
      },
    ],
  };
}
