// A config back in the form of the file, every default spelled out, as `shoal serve config` shows it.
//
// 1. Decoding what comes out gives the same config again.

import { kedaForm } from "./form-keda.ts";
import { placementForm } from "./form-placement.ts";
import { trafficForm } from "./form-traffic.ts";
import { autoscalingPolicyForm, scalingForm } from "./scaling.ts";
import type { ApplicationFile, ServeFile } from "./schema.ts";
import type { DeploymentFile } from "./schema-deployment.ts";
import type { ApplicationConfig, DeploymentConfig, ServeConfig } from "./types.ts";

export function toFileForm(config: ServeConfig): ServeFile {
  const { http, admin, keda, logging } = config;
  return {
    applications: config.applications.map(applicationForm),
    http_options: {
      host: http.host,
      port: http.port,
      processes: http.processes,
      request_timeout_s: toSeconds(http.requestTimeoutMs),
      keep_alive_timeout_s: toSeconds(http.keepAliveTimeoutMs),
      limits: {
        max_body_bytes: http.limits.maxBodyBytes,
        max_decompressed_bytes: http.limits.maxDecompressedBytes,
        max_tensors: http.limits.maxTensors,
        max_elements: http.limits.maxElements,
        max_json_depth: http.limits.maxJsonDepth,
        max_header_bytes: http.limits.maxHeaderBytes,
        max_open_requests: http.limits.maxOpenRequests,
        max_open_body_bytes: http.limits.maxOpenBodyBytes,
      },
    },
    admin_options: { host: admin.host, port: admin.port },
    ...(keda === undefined ? {} : { keda_options: kedaForm(keda) }),
    logging_config: { log_level: logging.logLevel },
  };
}

/** Paths in it are absolute. */
export function applicationForm(application: ApplicationConfig): ApplicationFile {
  return {
    name: application.name,
    route_prefix: application.routePrefix,
    ingress: application.ingress,
    deployments: application.deployments.map(deploymentForm),
    ...(application.requestTimeoutMs === undefined
      ? {}
      : { request_timeout_s: toSeconds(application.requestTimeoutMs) }),
    ...(application.traffic === undefined ? {} : { traffic: trafficForm(application.traffic) }),
    ...(application.autoscalingPolicy === undefined
      ? {}
      : { autoscaling_policy: autoscalingPolicyForm(application.autoscalingPolicy) }),
    ...(application.externalScaler === undefined ? {} : { external_scaler_enabled: true }),
  };
}

/** Paths in it are absolute. */
export function deploymentForm(deployment: DeploymentConfig): DeploymentFile {
  const { resources, batching, rollout, userConfig } = deployment;
  const { maxConcurrentBatches } = batching;
  return {
    name: deployment.name,
    version: deployment.version,
    ...sourceForm(deployment),
    num_replicas: deployment.scaling === undefined ? deployment.numReplicas : "auto",
    max_ongoing_requests: deployment.maxOngoingRequests,
    max_queued_requests: deployment.maxQueuedRequests,
    ...(userConfig === undefined ? {} : { user_config: userConfig }),
    request_timeout_s: toSeconds(deployment.requestTimeoutMs),
    health_check_period_s: toSeconds(deployment.healthCheckPeriodMs),
    health_check_timeout_s: toSeconds(deployment.healthCheckTimeoutMs),
    graceful_shutdown_timeout_s: toSeconds(deployment.gracefulShutdownTimeoutMs),
    max_constructor_retry_count: deployment.maxConstructorRetryCount,
    rolling_update_percentage: rollout.rollingUpdatePercentage,
    min_ready_s: toSeconds(rollout.minReadyMs),
    rolling_update_when_short: rollout.whenShort === "wait" ? "wait" : "stop_old",
    resources: {
      num_cpus: resources.numCpus,
      num_gpus: resources.numGpus,
      memory: resources.memoryBytes,
      ...(Object.keys(resources.custom).length === 0 ? {} : { custom: resources.custom }),
    },
    batching: {
      max_batch_size: batching.maxBatchSize,
      batch_wait_timeout_s: toSeconds(batching.batchWaitTimeoutMs),
      ...(maxConcurrentBatches === undefined ? {} : { max_concurrent_batches: maxConcurrentBatches }),
    },
    ...placementForm(deployment),
    ...dispatchForm(deployment),
  };
}

function dispatchForm({
  latencySloMs,
  scaling,
  tenants,
  hedgingBudget,
}: DeploymentConfig): Partial<DeploymentFile> {
  return {
    ...(latencySloMs === undefined && scaling === undefined
      ? {}
      : {
          autoscaling_config: {
            ...(latencySloMs === undefined ? {} : { latency_slo_ms: latencySloMs }),
            ...(scaling === undefined ? {} : scalingForm(scaling)),
          },
        }),
    ...(tenants === undefined
      ? {}
      : {
          tenants: {
            header: tenants.header,
            weights: { ...tenants.weights },
            ...(tenants.maxQueuedRequests === undefined
              ? {}
              : { max_queued_requests: tenants.maxQueuedRequests }),
          },
        }),
    ...(hedgingBudget === undefined ? {} : { hedging: { budget: hedgingBudget } }),
  };
}

function sourceForm({ source, idempotent }: DeploymentConfig) {
  if (source.engine === "onnx") {
    return { model: source.path, engine: source.engine, engine_options: source.engineOptions };
  }
  const name = source.engineOptions.export;
  const module = name === undefined ? source.path : `${source.path}:${name}`;
  return { module, engine: source.engine, idempotent };
}

function toSeconds(milliseconds: number): number {
  return milliseconds / 1000;
}
