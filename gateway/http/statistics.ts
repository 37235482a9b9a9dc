// A deployment's counters in the shape of Triton's statistics extension; clients such as perf_analyzer read the
// split between queue and compute from it.

import type { DurationStat, ServedDeployment } from "../../controller/index.ts";

const NONE: DurationStat = { count: 0, ns: 0 };

/** `name` is the model's, which several deployments may share. */
export function statisticsOf(name: string, { version, statistics: stats }: ServedDeployment): object {
  return {
    name,
    version,
    last_inference: stats.lastInferenceMs,
    inference_count: stats.inferenceCount,
    execution_count: stats.executionCount,
    inference_stats: {
      success: rounded(stats.success),
      fail: rounded(stats.fail),
      queue: rounded(stats.queue),
      compute_input: rounded(stats.computeInput),
      compute_infer: rounded(stats.computeInfer),
      compute_output: rounded(stats.computeOutput),
      cache_hit: NONE,
      cache_miss: NONE,
    },
    response_stats: {},
    batch_stats: Object.entries(stats.batches)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([batchSize, stat]) => ({
        batch_size: Number(batchSize),
        compute_input: rounded(stat.compute_input),
        compute_infer: rounded(stat.compute_infer),
        compute_output: rounded(stat.compute_output),
      })),
    memory_usage: [],
    // Not Triton's: why batches had no more rows, by request, and what became of those that were not run.
    dispatch: {
      batch_reasons: stats.reasons,
      refused: stats.refused,
      shed: stats.shed,
      displaced: stats.displaced,
      requeued: stats.requeued,
      hedged: stats.hedged,
      hedges_won: stats.hedgesWon,
    },
  };
}

function rounded({ count, ns }: DurationStat): DurationStat {
  return { count, ns: Math.round(ns) };
}
