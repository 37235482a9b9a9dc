// What one replica of a deployment is started with and held to, out of the deployment's config.

import type { ReplicaSpec } from "../replicas/index.ts";
import type { DeploymentConfig } from "./config/index.ts";
import type { HealthSettings } from "./health-checks.ts";

export function healthOf(config: DeploymentConfig): HealthSettings {
  return {
    periodMs: config.healthCheckPeriodMs,
    timeoutMs: config.healthCheckTimeoutMs,
    patienceMs: config.requestTimeoutMs + config.healthCheckTimeoutMs,
  };
}

export function engineSpecOf(config: DeploymentConfig, replicaId: string): ReplicaSpec["engine"] {
  const { source } = config;
  return {
    engine: source.engine,
    path: source.path,
    deployment: config.name,
    numCpus: config.resources.numCpus,
    options: { ...source.engineOptions },
    userConfig: config.userConfig,
    maxBatchSize: config.batching.maxBatchSize,
    replicaId,
  };
}
