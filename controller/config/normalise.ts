// A file that fits the schema and the rules, as the config that the rest works with: defaults filled in,
// seconds as milliseconds, paths absolute.

import { DEFAULTS } from "./defaults.ts";
import { kedaOf } from "./form-keda.ts";
import { placementOf } from "./form-placement.ts";
import { trafficOf } from "./form-traffic.ts";
import { autoscalingPolicyOf, isScaled, scalingOf } from "./scaling.ts";
import { type ApplicationFile, type HttpOptionsFile, LOG_LEVELS, type ServeFile } from "./schema.ts";
import type { DeploymentFile, ResourcesFile, TenantsFile } from "./schema-deployment.ts";
import { parseBytes } from "./schema-values.ts";
import { parseModuleReference, resolvePath } from "./source-path.ts";
import type { PolicySource } from "./types-scaling.ts";
import type {
  ApplicationConfig,
  BatchingConfig,
  DeploymentConfig,
  HttpOptions,
  ResourceConfig,
  ServeConfig,
  TenantsConfig,
} from "./types.ts";

/** What of the rest of the file a deployment's defaults depend on. */
interface Surroundings {
  /** Absolute; what relative paths start from. */
  readonly directory: string;
  readonly http: HttpOptions;
  /** The application's; undefined when it has none. */
  readonly policy?: PolicySource | undefined;
}

/**
 * `directories` are absolute: the config file's, or one an application, in their order. Paths of listeners start from the
 * first; those that a store has are absolute.
 */
export function normalise(file: ServeFile, directories: string | readonly string[]): ServeConfig {
  const http = httpOf(file.http_options ?? {});
  const { host, port } = { ...DEFAULTS.admin, ...file.admin_options };
  return {
    applications: file.applications.map((application, index) => {
      const directory = typeof directories === "string" ? directories : (directories[index] ?? "");
      return applicationOf(application, { directory, http });
    }),
    http,
    admin: { host, port },
    ...(file.keda_options === undefined
      ? {}
      : { keda: kedaOf(file.keda_options, [directories].flat()[0] ?? "") }),
    logging: { logLevel: LOG_LEVELS[file.logging_config?.log_level ?? DEFAULTS.logging.log_level] },
  };
}

function httpOf(file: HttpOptionsFile): HttpOptions {
  const { host, port, processes, request_timeout_s, keep_alive_timeout_s } = { ...DEFAULTS.http, ...file };
  const limits = { ...DEFAULTS.limits, ...file.limits };
  const maxBodyBytes = parseBytes(limits.max_body_bytes);
  // A body that was not compressed must fit as well, also when only its own limit was raised.
  const maxDecompressedBytes = Math.max(parseBytes(limits.max_decompressed_bytes), maxBodyBytes);
  return {
    host,
    port,
    processes,
    requestTimeoutMs: toMs(request_timeout_s),
    keepAliveTimeoutMs: toMs(keep_alive_timeout_s),
    limits: {
      maxBodyBytes,
      maxDecompressedBytes,
      maxTensors: limits.max_tensors,
      maxElements: limits.max_elements,
      maxJsonDepth: limits.max_json_depth,
      maxHeaderBytes: parseBytes(limits.max_header_bytes),
      maxOpenRequests: limits.max_open_requests,
      // The largest body alone must fit.
      maxOpenBodyBytes: Math.max(parseBytes(limits.max_open_body_bytes), maxDecompressedBytes),
    },
  };
}

function applicationOf(file: ApplicationFile, surroundings: Surroundings): ApplicationConfig {
  const { name, route_prefix } = { ...DEFAULTS.application, ...file };
  const { directory } = surroundings;
  const policy = file.autoscaling_policy && autoscalingPolicyOf(file.autoscaling_policy, directory);
  const deployments = file.deployments.map((one) => deploymentOf(one, { ...surroundings, policy }));
  const ingress = file.ingress ?? deployments[0]?.name ?? "";
  const traffic = file.traffic === undefined ? {} : { traffic: trafficOf(file.traffic, ingress) };
  const { request_timeout_s } = file;
  const timeout = request_timeout_s === undefined ? {} : { requestTimeoutMs: toMs(request_timeout_s) };
  const scaler = file.external_scaler_enabled === true ? { externalScaler: true as const } : {};
  const shared = policy === undefined ? {} : { autoscalingPolicy: policy };
  return {
    name,
    routePrefix: route_prefix,
    ingress,
    deployments,
    ...traffic,
    ...timeout,
    ...scaler,
    ...shared,
  };
}

function deploymentOf(file: DeploymentFile, surroundings: Surroundings): DeploymentConfig {
  const { directory, http } = surroundings;
  const filled = { ...DEFAULTS.deployment, ...file };
  const source = sourceOf(file, directory);
  const batching = batchingOf(file, source.engine);
  const batches = batching.maxConcurrentBatches ?? DEFAULTS.concurrent_batches;
  return {
    name: file.name,
    version: String(filled.version),
    source,
    ...replicasOf(file, surroundings),
    maxOngoingRequests:
      file.max_ongoing_requests ??
      Math.max(DEFAULTS.max_ongoing_requests[source.engine], batching.maxBatchSize * batches),
    maxQueuedRequests: filled.max_queued_requests,
    maxConstructorRetryCount: filled.max_constructor_retry_count,
    userConfig: file.user_config,
    requestTimeoutMs:
      file.request_timeout_s === undefined ? http.requestTimeoutMs : toMs(file.request_timeout_s),
    healthCheckPeriodMs: toMs(filled.health_check_period_s),
    healthCheckTimeoutMs: toMs(filled.health_check_timeout_s),
    gracefulShutdownTimeoutMs: toMs(filled.graceful_shutdown_timeout_s),
    rollout: {
      rollingUpdatePercentage: filled.rolling_update_percentage,
      minReadyMs: toMs(filled.min_ready_s),
      whenShort: filled.rolling_update_when_short === "wait" ? "wait" : "stop-old",
    },
    resources: resourcesOf(file.resources ?? file.ray_actor_options ?? {}),
    batching,
    ...placementOf(file),
    ...dispatchOf(file),
    idempotent: source.engine === "module" ? filled.idempotent : true,
  };
}

function sourceOf(file: DeploymentFile, directory: string): DeploymentConfig["source"] {
  if (file.module !== undefined) {
    const { path, exportName } = parseModuleReference(file.module);
    const engineOptions = exportName === undefined ? {} : { export: exportName };
    return { engine: "module", path: resolvePath(directory, path), engineOptions };
  }
  const path = resolvePath(directory, file.model ?? "");
  return { engine: "onnx", path, engineOptions: file.engine_options ?? {} };
}

function batchingOf(file: DeploymentFile, engine: "onnx" | "module"): BatchingConfig {
  const { max_batch_size, batch_wait_timeout_s, max_concurrent_batches } = {
    ...DEFAULTS.batching,
    ...file.batching,
  };
  // A batch of our own choosing stays within what one replica may have.
  const fallback = Math.min(DEFAULTS.max_batch_size[engine], file.max_ongoing_requests ?? Infinity);
  return {
    maxBatchSize: max_batch_size ?? fallback,
    batchWaitTimeoutMs: toMs(batch_wait_timeout_s),
    maxConcurrentBatches: max_concurrent_batches,
  };
}

function replicasOf(
  { num_replicas = DEFAULTS.deployment.num_replicas, autoscaling_config = {} }: DeploymentFile,
  { directory, policy: shared }: Surroundings,
): Pick<DeploymentConfig, "numReplicas" | "scaling"> {
  if (num_replicas !== "auto" && !isScaled(num_replicas, autoscaling_config))
    return { numReplicas: num_replicas };
  const scaling = scalingOf(autoscaling_config, { isAuto: num_replicas === "auto", directory, shared });
  return { numReplicas: scaling.initialReplicas, scaling };
}

/** What is absent stays absent. */
function dispatchOf({
  autoscaling_config,
  tenants,
  hedging,
}: DeploymentFile): Pick<DeploymentConfig, "latencySloMs" | "tenants" | "hedgingBudget"> {
  const latencySloMs = autoscaling_config?.latency_slo_ms;
  return {
    ...(latencySloMs === undefined ? {} : { latencySloMs }),
    ...(tenants === undefined ? {} : { tenants: tenantsOf(tenants) }),
    ...(hedging === undefined ? {} : { hedgingBudget: hedging.budget }),
  };
}

function tenantsOf({ header, weights = {}, max_queued_requests }: TenantsFile): TenantsConfig {
  const bound = max_queued_requests === undefined ? {} : { maxQueuedRequests: max_queued_requests };
  return { header: header.toLowerCase(), weights, ...bound };
}

function resourcesOf(file: ResourcesFile): ResourceConfig {
  const { num_cpus, num_gpus, memory } = { ...DEFAULTS.resources, ...file };
  return {
    numCpus: num_cpus,
    numGpus: num_gpus,
    memoryBytes: parseBytes(memory),
    custom: file.custom ?? file.resources ?? {},
  };
}

/** Seconds as milliseconds, without what binary fractions add: 0.0011 s is 1.1 ms. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1e9) / 1e6;
}
