// Configs and revisions whose name says how their replicas behave; see world.ts.

import type { DeploymentConfig } from "../../../controller/config/index.ts";
import {
  DEFAULT_ROLLOUT,
  type DesiredDeployment,
  type Revision,
  revisionOf,
} from "../../../controller/reconcile/index.ts";

export const CONFIG: DeploymentConfig = {
  name: "d",
  version: "1",
  source: { engine: "module", path: "/models/good.ts", engineOptions: {} },
  numReplicas: 1,
  maxOngoingRequests: 5,
  maxQueuedRequests: 100,
  maxConstructorRetryCount: 3,
  userConfig: undefined,
  requestTimeoutMs: 60_000,
  healthCheckPeriodMs: 10_000,
  healthCheckTimeoutMs: 30_000,
  gracefulShutdownTimeoutMs: 20_000,
  resources: { numCpus: 1, numGpus: 0, memoryBytes: 0, custom: {} },
  batching: { maxBatchSize: 1, batchWaitTimeoutMs: 0, maxConcurrentBatches: undefined },
  idempotent: false,
  rollout: DEFAULT_ROLLOUT,
};

/** How the replicas of a module fare. */
export const MODULES = {
  a: { kind: "good" },
  b: { kind: "good" },
  /** Each start throws. */
  throws: { kind: "fails", permanent: false },
  /** Its file is not there. */
  missing: { kind: "fails", permanent: true },
  /** Dies after two seconds of good health. */
  faints: { kind: "dies", afterMs: 2_000 },
} as const;

export type ModuleName = keyof typeof MODULES;
/** `ok…` is taken; `bad` is refused by a start as well as by a reconfigure. */
export type UserConfig = "ok" | "ok2" | "bad";

export function revision(
  module: ModuleName,
  userConfig: UserConfig = "ok",
  more: Partial<DeploymentConfig> = {},
): Revision {
  return revisionOf({ ...CONFIG, source: { ...CONFIG.source, path: module }, userConfig, ...more });
}

export function desire(target: Revision, more: Partial<DesiredDeployment> = {}): DesiredDeployment {
  return {
    name: "d",
    revision: target,
    numReplicas: 1,
    scaledBy: "config",
    generation: 1,
    rollout: DEFAULT_ROLLOUT,
    deleting: false,
    ...more,
  };
}
