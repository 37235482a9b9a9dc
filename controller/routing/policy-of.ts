// How a deployment's requests are dispatched, out of its config and what its model says of itself.

import type { DeploymentConfig } from "../config/index.ts";
import type { DispatchPolicy } from "../dispatch/index.ts";
import type { DeploymentEntry } from "./route-table.ts";

/** Batches a replica may have when the config leaves it open: the one that runs and the next on its way. */
const PIPELINED_BATCHES = 2;

export function policyOf({ config, info }: Pick<DeploymentEntry, "config" | "info">): DispatchPolicy {
  const policy = dispatchPolicyOf(config);
  return info?.signature.batchable === false ? { ...policy, maxBatchSize: 1 } : policy;
}

function dispatchPolicyOf(config: DeploymentConfig): DispatchPolicy {
  const { maxBatchSize, batchWaitTimeoutMs, maxConcurrentBatches } = config.batching;
  const { latencySloMs, tenants, hedgingBudget, outliers } = config;
  const isModule = config.source.engine === "module";
  const automatic = isModule ? config.maxOngoingRequests : PIPELINED_BATCHES;
  return {
    maxBatchSize,
    batchWaitTimeoutMs,
    maxConcurrentBatches: maxConcurrentBatches ?? automatic,
    maxOngoingRequests: config.maxOngoingRequests,
    maxQueuedRequests: config.maxQueuedRequests,
    idempotent: config.idempotent,
    // User code waits for others most of its time; an engine runs one batch after the other.
    parallel: isModule,
    ...(latencySloMs === undefined ? {} : { objectiveMs: latencySloMs }),
    ...(tenants === undefined ? {} : { tenants }),
    ...(outliers === undefined ? {} : { outliers }),
    ...(hedgingBudget === undefined ? {} : { hedge: { budget: hedgingBudget } }),
  };
}
