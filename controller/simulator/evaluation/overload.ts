// Evaluation of overload: what is still answered in time when much more comes than can be served.

import { bentoml, clipper, triton, tunedRay } from "../systems/catalogue.ts";
import type { SystemMaker } from "../systems/serving-system.ts";
import { shoal } from "../systems/shoal.ts";
import { PROFILES } from "../plant/service-profile.ts";
import type { Series } from "../report/svg-chart.ts";
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
      for (const system of systems(cell)) {
        const share = await goodput(cell, system, { load, seeds });
        if (system.name === "shoal") own.push(share);
        shares.push(share.toFixed(2));
      }
      rows.push([cell.name, `${load}×`, ...shares]);
    }
  }
  const least = Math.min(...own);
  const chart = cells.at(0);
  return {
    tables: [
      {
        title: `Answered in time, in parts of C(8), when more comes; ${seeds} seeds`,
        table: { columns: ["model, objective, arrivals", "load", ...names], rows },
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

async function goodput(
  cell: Cell,
  system: SystemMaker,
  { load, seeds }: { readonly load: number; readonly seeds: number },
): Promise<number> {
  const shares: number[] = [];
  for (const seed of seedsUpTo(seeds)) {
    const run = await runCell(cell, system, { perSecond: load * cell.capacity, seed });
    shares.push(run.goodput / cell.capacity);
  }
  return estimate(shares).mean;
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
    for (const load of CHART_LOADS) points.push([load, await goodput(cell, system, { load, seeds: 3 })]);
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
