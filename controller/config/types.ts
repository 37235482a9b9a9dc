// A decoded `shoal.yaml`: what the rest of Shoal works with.
//
// 1. Every value is checked and every default filled in: nothing inside looks at a config again with doubt.
// 2. Durations are milliseconds, sizes are bytes, paths are absolute; the names say so.

import type { ModuleEngineOptions, OnnxEngineOptions } from "./schema-engine.ts";
import type { OutlierConfig, PlacementGroupConfig } from "./types-placement.ts";
import type { PolicySource, ScalingConfig } from "./types-scaling.ts";
import type { TrafficConfig } from "./types-traffic.ts";

export interface ServeConfig {
  /** At least one; names and routes are unique. */
  readonly applications: readonly ApplicationConfig[];
  readonly http: HttpOptions;
  readonly admin: AdminOptions;
  /** Absent: nobody listens for KEDA. */
  readonly keda?: KedaOptions;
  readonly logging: LoggingConfig;
}

export interface ApplicationConfig {
  readonly name: string;
  /** Starts with "/"; ends with "/" only when it is "/". */
  readonly routePrefix: string;
  /** Name of the deployment that answers the route. */
  readonly ingress: string;
  /** At least one. */
  readonly deployments: readonly DeploymentConfig[];
  /** Absent: the ingress answers every request. */
  readonly traffic?: TrafficConfig;
  /** Numbers of replicas may come from outside; absent when they may not. Never beside `scaling`. */
  readonly externalScaler?: true;
  /** Decides for all its deployments that have `scaling`, which have it too; absent when each goes by its own. */
  readonly autoscalingPolicy?: PolicySource;
  /** Longest a request to its route may take; absent when only the deployment's own bound counts. */
  readonly requestTimeoutMs?: number;
}

export interface DeploymentConfig {
  /** Also the V2 model name; unique in the whole config. */
  readonly name: string;
  /** The V2 model version. */
  readonly version: string;
  readonly source: ModelSource | ModuleSource;
  /** With `scaling`, those to begin with. */
  readonly numReplicas: number;
  /** Absent when there are as many replicas as `numReplicas` says. */
  readonly scaling?: ScalingConfig;
  /** Requests that one replica may have at a time. */
  readonly maxOngoingRequests: number;
  /** Requests that may wait for a replica. */
  readonly maxQueuedRequests: number;
  /** Starts of a replica that may fail before the deployment is given up. */
  readonly maxConstructorRetryCount: number;
  /** For modules; any JSON, undefined when the file has none. */
  readonly userConfig: unknown;
  readonly requestTimeoutMs: number;
  readonly healthCheckPeriodMs: number;
  readonly healthCheckTimeoutMs: number;
  readonly gracefulShutdownTimeoutMs: number;
  readonly rollout: RolloutConfig;
  readonly resources: ResourceConfig;
  /** Replicas that one node may have; absent when there is no bound, and beside `placementGroup`. */
  readonly maxReplicasPerNode?: number;
  /** What is reserved for each replica; absent when that is its `resources`. */
  readonly placementGroup?: PlacementGroupConfig;
  readonly batching: BatchingConfig;
  /** From arrival to answer; absent when there is no objective. */
  readonly latencySloMs?: number;
  /** Absent when all requests are one tenant's. */
  readonly tenants?: TenantsConfig;
  /** Second copies of slow requests, as a share of requests; absent for none. */
  readonly hedgingBudget?: number;
  /** Absent when no replica is ejected. */
  readonly outliers?: OutlierConfig;
  /** Whether a request may run again after its replica died; always true of models. */
  readonly idempotent: boolean;
}

/** How a new version takes the place of the old one. */
export interface RolloutConfig {
  /** Share of the replicas started beyond their number, and replaced at a time; at least one. */
  readonly rollingUpdatePercentage: number;
  /** How long a replica must run and be well before it is relied on. */
  readonly minReadyMs: number;
  /** What to do when there is no room for new replicas beside the old ones. */
  readonly whenShort: "wait" | "stop-old";
}

/** A model file that an engine loads. */
export interface ModelSource {
  readonly engine: "onnx";
  readonly path: string;
  /** As the file has them, for the engine. */
  readonly engineOptions: OnnxEngineOptions;
}

/** User code. */
export interface ModuleSource {
  readonly engine: "module";
  readonly path: string;
  /** For the engine; from what stands behind the path in the file. */
  readonly engineOptions: ModuleEngineOptions;
}

export interface ResourceConfig {
  /** CPUs of one replica, fractions to 1/10,000. */
  readonly numCpus: number;
  readonly numGpus: number;
  /** 0 when nothing is asked for. */
  readonly memoryBytes: number;
  /** Units of resources that nodes declare by name. */
  readonly custom: Readonly<Record<string, number>>;
}

export interface TenantsConfig {
  /** In lower case. */
  readonly header: string;
  /** Above 0; 1 for those not named. */
  readonly weights: Readonly<Record<string, number>>;
  /** Requests of one tenant that may wait. */
  readonly maxQueuedRequests?: number;
}

export interface BatchingConfig {
  /** In rows, not requests. */
  readonly maxBatchSize: number;
  /** How long a batch that is not full may wait for more, when no replica is idle. */
  readonly batchWaitTimeoutMs: number;
  /** Batches that one replica may have at a time; undefined leaves it to the dispatcher. */
  readonly maxConcurrentBatches: number | undefined;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 lets the system pick one. */
  readonly port: number;
  /** Gateway processes that share the port; with 1 the server's own process is the gateway. */
  readonly processes: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly limits: Limits;
}

/** What one request, or all of them together, may cost before any work is done. */
export interface Limits {
  readonly maxBodyBytes: number;
  readonly maxDecompressedBytes: number;
  readonly maxTensors: number;
  /** Elements of all tensors of a request together. */
  readonly maxElements: number;
  readonly maxJsonDepth: number;
  readonly maxHeaderBytes: number;
  /** Requests open at a time, over all connections. */
  readonly maxOpenRequests: number;
  /** Bytes of the bodies of all open requests together. */
  readonly maxOpenBodyBytes: number;
}

export interface AdminOptions {
  readonly host: string;
  /** 0 lets the system pick one. */
  readonly port: number;
}

export interface KedaOptions {
  readonly host: string;
  /** 0 lets the system pick one. */
  readonly port: number;
  /** Absent: none. */
  readonly tls?: TlsFiles;
}

/** PEM files, absolute. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Of the authorities that clients must have; absent: a client needs no certificate. */
  readonly clientCaFile?: string;
}

export interface LoggingConfig {
  readonly logLevel: LogLevel;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
