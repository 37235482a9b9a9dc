// What is measured, how long, and how often: plain data made from the options.

import { BENCH_MODELS, type BenchModel } from "../models/bench-models.ts";
import { ENCODINGS, type Encoding } from "./bodies.ts";
import type { BenchOptions } from "./options.ts";

/** One load on the door and on Shoal. */
export interface LoadCase {
  readonly id: string;
  readonly model: BenchModel;
  readonly encoding: Encoding;
  readonly connections: number;
  readonly durationMs: number;
  readonly warmUpMs: number;
}

/** One loop of the engine without a server. */
export interface RawCase {
  readonly id: string;
  readonly model: BenchModel;
  readonly batch: number;
  readonly threads: number;
  readonly durationMs: number;
}

/** Everything measured with one model: its server runs only meanwhile. */
export interface Scenario {
  readonly model: BenchModel;
  /** `max_batch_size` of its deployment: the default, but 1 where batching gains nothing on a CPU. */
  readonly maxBatchSize: number;
  /** How long each server is warmed up before the first round. */
  readonly warmUpMs: number;
  readonly loads: readonly LoadCase[];
  readonly raws: readonly RawCase[];
}

export interface MemoryPlan {
  readonly bodyBytes: number;
  readonly bodyRequests: number;
  readonly flatRequests: number;
  readonly flatEvery: number;
}

const CONNECTIONS = [1, 64] as const;
/** Threads of the engine in Shoal and in the loop it is compared with. */
export const ENGINE_THREADS = 1;

/** The scenarios that `options` ask for; a case is kept when `only` matches its id. */
export function planScenarios(options: Pick<BenchOptions, "quick" | "only">, cores: number): Scenario[] {
  const { quick, only } = options;
  const wanted = ({ id }: { readonly id: string }): boolean => only === undefined || only.test(id);
  return Object.values(BENCH_MODELS)
    .map((model): Scenario => {
      const heavy = model.name === "resnet";
      const loads = ENCODINGS.flatMap((encoding) =>
        CONNECTIONS.map((connections): LoadCase => {
          // The first wave of 64 large requests takes seconds and is no steady state.
          const warmUpMs = heavy && connections > 1 ? (quick ? 800 : 4000) : quick ? 80 : 500;
          const durationMs = heavy ? (quick ? 400 : 4000) : quick ? 200 : 2000;
          return {
            id: `${model.name} ${encoding} c=${connections}`,
            model,
            encoding,
            connections,
            durationMs,
            warmUpMs,
          };
        }),
      );
      const raws = rawShapes(model, { quick, cores }).map(
        ([batch, threads]): RawCase => ({
          id: `${model.name} raw b=${batch} t=${threads}`,
          model,
          batch,
          threads,
          durationMs: quick ? 200 : 2000,
        }),
      );
      const kept = loads
        .filter(wanted)
        .filter((entry) => !(quick && heavy && entry.encoding === "json" && entry.connections > 1));
      return {
        model,
        maxBatchSize: heavy ? 1 : 32,
        warmUpMs: quick ? 400 : 3000,
        loads: kept,
        // The engine's own time is the measure of every load, so it comes along with each.
        raws: raws.filter(
          (raw) => wanted(raw) || (kept.length > 0 && raw.batch === 1 && raw.threads === ENGINE_THREADS),
        ),
      };
    })
    .filter(({ loads, raws }) => loads.length + raws.length > 0);
}

/** Batch sizes and threads of the engine's loops: more threads only for models that have work for them. */
function rawShapes(
  model: BenchModel,
  { quick, cores }: { quick: boolean; cores: number },
): [number, number][] {
  const one: [number, number][] = [[1, ENGINE_THREADS]];
  if (!quick || model.name !== "resnet") one.push([16, ENGINE_THREADS]);
  const threads = Math.min(2, cores);
  const many = !quick && threads > 1 && (model.name === "wide" || model.name === "resnet");
  return many ? [...one, [1, threads], [16, threads]] : one;
}

export function planMemory({ quick }: Pick<BenchOptions, "quick">): MemoryPlan {
  return {
    bodyBytes: 16 * 2 ** 20,
    bodyRequests: quick ? 5 : 20,
    flatRequests: quick ? 10_000 : 200_000,
    flatEvery: quick ? 2000 : 10_000,
  };
}
