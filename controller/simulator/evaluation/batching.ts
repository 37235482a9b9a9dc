// Evaluation of the batching: at which load 99 % are still in time, on eight replicas; the product against the others, each
// tuned for the very case on seeds of its own.

import type { SystemMaker } from "../systems/serving-system.ts";
import { bentoml, centralGreedy, clipper, shortestQueue, triton, tunedRay } from "../systems/catalogue.ts";
import { ray } from "../systems/ray.ts";
import { shoal } from "../systems/shoal.ts";
import { batchingCells, type Cell, largestLoad, largestLoadBound } from "./fixed-cells.ts";
import { type EvaluationOptions, type EvaluationReport, seedsUpTo, TUNING_SEEDS } from "./report.ts";
import { estimate, pairedRatio } from "./statistics.ts";

/** One column of the table; the best of its variants on the tuning seeds runs. */
interface Family {
  readonly name: string;
  readonly perReplica: boolean;
  readonly variants: readonly SystemMaker[];
}

const BATCHES = [1, 4, 8, 16, 32, 64];

function families(): Family[] {
  return [
    { name: "shoal", perReplica: false, variants: [shoal()] },
    { name: "ray stock", perReplica: true, variants: [ray()] },
    { name: "ray tuned", perReplica: true, variants: BATCHES.map((size) => tunedRay(size)) },
    {
      name: "triton",
      perReplica: true,
      variants: BATCHES.flatMap((maxBatch) => [0, 2].map((delayMs) => triton({ maxBatch, delayMs }))),
    },
    { name: "bentoml", perReplica: true, variants: [bentoml()] },
    { name: "shortest queue", perReplica: true, variants: [shortestQueue()] },
    { name: "clipper", perReplica: false, variants: [1, 0.7, 0.5].map((share) => clipper(share)) },
    { name: "central greedy", perReplica: false, variants: [centralGreedy()] },
  ];
}

/** Of the issue: against the best that batches per replica. */
const WANTED_RATIO = 1.3;

export async function evaluateBatching({ seeds, progress }: EvaluationOptions): Promise<EvaluationReport> {
  const all = families();
  const rows: string[][] = [];
  const ratios: { readonly cell: Cell; readonly ratio: ReturnType<typeof pairedRatio> }[] = [];
  for (const cell of batchingCells()) {
    const loads = new Map<string, number[]>();
    for (const family of all) {
      const system = await tuned(cell, family);
      const own: number[] = [];
      for (const seed of seedsUpTo(seeds)) own.push(await largestLoad(cell, system, seed));
      loads.set(family.name, own);
    }
    const best = bestOf(all.filter(({ perReplica }) => perReplica).map(({ name }) => loads.get(name) ?? []));
    const ratio = pairedRatio(loads.get("shoal") ?? [], best);
    ratios.push({ cell, ratio });
    const bound: number[] = [];
    for (const seed of seedsUpTo(seeds)) bound.push(await largestLoadBound(cell, seed));
    const row = [
      cell.name,
      Math.round(cell.capacity).toLocaleString("en-US"),
      ...all.map(({ name }) => estimate(loads.get(name) ?? []).mean.toFixed(2)),
      `${ratio.mean.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`,
      estimate(bound).mean.toFixed(2),
      pairedRatio(bound, best).mean.toFixed(2),
    ];
    rows.push(row);
    progress(row.join("  "));
  }
  const reached = ratios.filter(({ ratio }) => ratio.mean >= WANTED_RATIO);
  return {
    tables: [
      {
        title: `Largest load with 99 % in time, as a share of C(8); ${seeds} seeds`,
        table: {
          columns: [
            "model, objective, arrivals",
            "C(8) req/s",
            ...all.map(({ name }) => name),
            "shoal ÷ best per replica",
            "bound",
            "bound ÷ best per replica",
          ],
          rows,
        },
      },
    ],
    verdicts: [
      {
        target: "≥ 1.3× the best per-replica batcher at objectives ≤ 4·t(1)",
        measured: `${reached.length} of ${ratios.length} cases; ${Math.min(...ratios.map(({ ratio }) => ratio.mean)).toFixed(2)}× to ${Math.max(...ratios.map(({ ratio }) => ratio.mean)).toFixed(2)}×`,
        reached: reached.length === ratios.length,
      },
    ],
    charts: {},
  };
}

/** The variant that bears the most on the tuning seeds. */
async function tuned(cell: Cell, { variants }: Family): Promise<SystemMaker> {
  const [first, ...others] = variants;
  if (first === undefined) throw new Error("A family has at least one variant");
  if (others.length === 0) return first;
  let best = { system: first, load: -1 };
  for (const system of variants) {
    let load = 0;
    for (const seed of TUNING_SEEDS) load += await largestLoad(cell, system, seed);
    if (load > best.load) best = { system, load };
  }
  return best.system;
}

/** The one with the largest mean. */
function bestOf(all: readonly (readonly number[])[]): readonly number[] {
  return all.reduce((best, one) => (estimate(one).mean > estimate(best).mean ? one : best));
}
