// What all replicas of a deployment get through together, in the largest batches that are in time.

import { BATCHING_PAYS, type Pace } from "./decide-in-time.ts";
import { batchesAtOnce, type DispatchPolicy } from "./policy.ts";
import type { SlotPool } from "./slot-pool.ts";

export interface Throughput {
  /** Rows of a full one. */
  readonly batch: number;
  /** Batches that may run at once, at least 1. */
  readonly runs: number;
  /** Milliseconds that all replicas together take for a row of such batches. */
  readonly rowMs: number;
}

/** Of batches that one who comes now could be in, and be answered `withinMs`. Without a pace: one row a millisecond of each replica. */
export function throughputWithin(
  pace: Pace | undefined,
  { usable }: Pick<SlotPool, "usable">,
  { policy, withinMs }: { readonly policy: DispatchPolicy; readonly withinMs: number },
): Throughput {
  const { maxBatchSize } = policy;
  const runs = Math.max(1, usable * batchesAtOnce(policy));
  if (pace === undefined) return { batch: 1, runs, rowMs: 1 / runs };
  const pays = pace.batchingGain(maxBatchSize) >= BATCHING_PAYS;
  const most = pays ? pace.maxRowsWithin(withinMs / (1 + 1 / runs), maxBatchSize) : 1;
  const batch = Math.max(1, Math.min(maxBatchSize, most));
  return { batch, runs, rowMs: (pace.meanMs(batch) ?? 1) / batch / runs };
}
