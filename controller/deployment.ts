// One deployment: its queue, its replicas, and what can be said of it.
//
//   UPDATING ──► HEALTHY ◄──► UNHEALTHY        any ──► DEPLOY_FAILED, once every replica has failed
//
// 1. Every change of state goes through `#review`, which logs `from → to (reason)`.
// 2. A deployment that has failed refuses at once; what waited for it is told.

import { type Clock, redactPaths, ShoalError } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import type { Runtime } from "../runtime/core/index.ts";
import type { Signature } from "../runtime/engines/index.ts";
import type { ReplicaInfo } from "../replicas/index.ts";
import type { DeploymentStatus, ServedDeployment } from "./catalog.ts";
import type { DeploymentConfig } from "./config/index.ts";
import { Dispatcher, type DispatchPolicy } from "./dispatch/index.ts";
import { ReplicaProcess, type ReplicaState } from "./replica-process.ts";

export interface DeploymentOptions {
  readonly config: DeploymentConfig;
  readonly socketFolder: string;
  readonly logLevel: string;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onStatus: (deployment: Deployment) => void;
}

const NOTHING = { infer: false, fetch: false };

export class Deployment implements ServedDeployment {
  readonly config: DeploymentConfig;
  readonly dispatcher: Dispatcher;
  readonly replicas: readonly ReplicaProcess[];
  readonly #options: DeploymentOptions;
  #status: DeploymentStatus = { state: "UPDATING", message: "" };
  #info: ReplicaInfo | undefined;

  constructor(options: DeploymentOptions) {
    const { config, clock, log, runtime, socketFolder, logLevel } = options;
    this.#options = options;
    this.config = config;
    this.dispatcher = new Dispatcher({
      deployment: config.name,
      policy: dispatchPolicyOf(config),
      clock,
      log,
      onLost: (replicaId) => void this.replicas.find(({ id }) => id === replicaId)?.probe(),
    });
    this.replicas = Array.from({ length: config.numReplicas }, (_, index) => {
      const id = `${config.name}#${index}`;
      const { source } = config;
      return new ReplicaProcess({
        id,
        config,
        spec: {
          engine: {
            engine: source.engine,
            path: source.path,
            deployment: config.name,
            numCpus: config.resources.numCpus,
            options: { ...source.engineOptions },
            userConfig: config.userConfig,
            maxBatchSize: config.batching.maxBatchSize,
            replicaId: id,
          },
          replicaId: id,
          socketFolder,
          logLevel,
        },
        dispatcher: this.dispatcher,
        runtime,
        clock,
        log,
        onChange: (_state, info) => {
          if (info !== undefined) this.#learn(info);
          this.#review();
        },
      });
    });
  }

  get name(): string {
    return this.config.name;
  }

  get version(): string {
    return this.config.version;
  }

  get status(): DeploymentStatus {
    return this.#status;
  }

  get ready(): boolean {
    return this.#runningReplicas > 0;
  }

  get signature(): Signature | undefined {
    return this.#info?.signature;
  }

  get takes(): { readonly infer: boolean; readonly fetch: boolean } {
    return this.#info?.takes ?? NOTHING;
  }

  get info(): ReplicaInfo | undefined {
    return this.#info;
  }

  get requestTimeoutMs(): number {
    return this.config.requestTimeoutMs;
  }

  /** Resolves when every replica is ready, waits for resources, or has failed. */
  async start(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.start()));
  }

  /** Answers what was admitted, then ends the replicas. Never rejects. */
  async drain(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + this.config.gracefulShutdownTimeoutMs;
    await this.dispatcher.drain(this.config.gracefulShutdownTimeoutMs);
    const graceMs = Math.max(STOP_GRACE_MS, untilMs - clock.nowMs());
    await Promise.all(this.replicas.map((replica) => replica.stop(graceMs)));
  }

  /** The model says whether its requests can be joined. */
  #learn(info: ReplicaInfo): void {
    this.#info = info;
    const policy = dispatchPolicyOf(this.config);
    this.dispatcher.setPolicy(info.signature.batchable ? policy : { ...policy, maxBatchSize: 1 });
  }

  get #runningReplicas(): number {
    return this.replicas.filter(({ state }) => state.kind === "RUNNING").length;
  }

  /** Invariant 1. */
  #review(): void {
    const next = statusOf(
      this.replicas.map(({ state }) => state),
      this.#status,
    );
    const from = this.#status;
    if (from.state === next.state && from.message === next.message) return;
    this.#status = next;
    if (from.state !== next.state) {
      const reason = next.message === "" ? `${this.#runningReplicas} replicas run` : next.message;
      this.#options.log.info({ deployment: this.name }, `${from.state} → ${next.state} (${reason})`);
    }
    if (next.state === "DEPLOY_FAILED") {
      const message = `Cannot use "${this.name}": ${redactPaths(next.message)}`;
      this.dispatcher.refuseAll(new ShoalError("DEPLOY_FAILED", message)); // invariant 2
    }
    this.#options.onStatus(this);
  }
}

/** What the states of the replicas make of the deployment. */
export function statusOf(replicas: readonly ReplicaState[], before: DeploymentStatus): DeploymentStatus {
  const messages = replicas.flatMap((state) =>
    "message" in state && state.message !== "" ? [state.message] : [],
  );
  const message = [...new Set(messages)].join("; ");
  const count = (kind: ReplicaState["kind"]): number =>
    replicas.filter((state) => state.kind === kind).length;
  if (count("RUNNING") === replicas.length) return { state: "HEALTHY", message: "" };
  if (count("FAILED") === replicas.length) return { state: "DEPLOY_FAILED", message };
  if (count("STOPPED") > 0) return before;
  if (before.state === "UPDATING" && count("FAILED") === 0) return { state: "UPDATING", message };
  return {
    state: "UNHEALTHY",
    message: message === "" ? `${count("RUNNING")} of ${replicas.length} replicas run` : message,
  };
}

/** What a replica has to end in, be the time for its requests used up: for a module's `stop`. */
const STOP_GRACE_MS = 1_000;

/** Batches a replica may have when the config leaves it open: the one that runs and the next on its way. */
const PIPELINED_BATCHES = 2;

function dispatchPolicyOf(config: DeploymentConfig): DispatchPolicy {
  const { maxBatchSize, batchWaitTimeoutMs, maxConcurrentBatches } = config.batching;
  const automatic = config.source.engine === "module" ? config.maxOngoingRequests : PIPELINED_BATCHES;
  return {
    maxBatchSize,
    batchWaitTimeoutMs,
    maxConcurrentBatches: maxConcurrentBatches ?? automatic,
    maxOngoingRequests: config.maxOngoingRequests,
    maxQueuedRequests: config.maxQueuedRequests,
    idempotent: config.idempotent,
  };
}
