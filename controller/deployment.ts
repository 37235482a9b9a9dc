// One deployment: its queue, its replicas, and the loop that makes them what is wanted: observe → plan → apply.
//
// 1. The loop is woken by events and by the time the plan gave; woken with nothing changed, it does nothing.
// 2. Light settings of the version in charge hold for all; a version on trial does not change them.
// 3. While nothing serves and nothing will, requests are refused at once; what waited is told.

import { type Clock, redactPaths, ShoalError, type Timer } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import type { Runtime } from "../runtime/core/index.ts";
import type { Signature } from "../runtime/engines/index.ts";
import type { ReplicaInfo } from "../replicas/index.ts";
import type { DeploymentStatus, ServedDeployment } from "./catalog.ts";
import type { DeploymentConfig } from "./config/index.ts";
import { Dispatcher, type DispatchPolicy } from "./dispatch/index.ts";
import { ReplicaActor } from "./replica-actor.ts";
import type { ReplicaOutput } from "./replica-output.ts";
import {
  type Action,
  type DesiredDeployment,
  type LastingMemory,
  type Memory,
  type ObservedDeployment,
  type Planned,
  type PlannedStatus,
  recover,
  type Remembered,
  replan,
  type Revision,
} from "./reconcile/index.ts";

export interface DeploymentOptions {
  readonly desired: DesiredDeployment;
  /** What is known of it from before: `FIRST_MEMORY` of one that is new, its number of the first replica apart. */
  readonly recalled: LastingMemory;
  readonly socketFolder: string;
  readonly logLevel: string;
  readonly runtime: Runtime;
  readonly output: ReplicaOutput;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onStatus: (deployment: Deployment) => void;
  /** What `memory` says has changed. */
  readonly onMemory: (deployment: Deployment) => void;
  /** It was deleted and nothing of it is left. */
  readonly onGone: (deployment: Deployment) => void;
}

const NOTHING = { infer: false, fetch: false };

export class Deployment implements ServedDeployment {
  readonly dispatcher: Dispatcher;
  readonly #options: DeploymentOptions;
  readonly #replicas = new Map<string, ReplicaActor>();
  #desired: DesiredDeployment;
  #observed: ObservedDeployment;
  #remembered: Remembered | undefined;
  #info: ReplicaInfo | undefined;
  #asked = false;
  #timer: Timer | undefined;
  #ended = false;
  readonly #watchers = new Set<() => void>();

  constructor(options: DeploymentOptions) {
    const { desired, clock, log } = options;
    this.#options = options;
    this.#desired = desired;
    this.#observed = { replicas: [], memory: recover(options.recalled) };
    this.dispatcher = new Dispatcher({
      deployment: desired.name,
      policy: dispatchPolicyOf(desired.revision.config),
      clock,
      log,
      onLost: (replicaId) => void this.#replicas.get(replicaId)?.probe(),
    });
  }

  get name(): string {
    return this.#desired.name;
  }

  /** What is wanted. */
  get desired(): DesiredDeployment {
    return this.#desired;
  }

  /** The config in charge: that of the last good version while another is on trial. */
  get config(): DeploymentConfig {
    return this.#serving.config;
  }

  get version(): string {
    return this.config.version;
  }

  get status(): DeploymentStatus {
    return this.planned ?? NOT_PLANNED;
  }

  /** The whole status; undefined before the first plan. */
  get planned(): PlannedStatus | undefined {
    return this.#remembered?.planned.status;
  }

  get nextReplica(): number {
    return this.memory.nextReplica;
  }

  /** Where it stands between versions, as of the last plan. */
  get memory(): Memory {
    return this.#observed.memory;
  }

  get ready(): boolean {
    return this.replicas.some(({ info }) => info !== undefined);
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

  get replicas(): readonly ReplicaActor[] {
    return [...this.#replicas.values()];
  }

  /** Wants something else from now on. */
  want(desired: DesiredDeployment): void {
    this.#desired = desired;
    this.reconcile();
  }

  /** Plans soon, with all that happens in this turn. */
  reconcile(): void {
    if (this.#asked || this.#ended) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      this.#reconcile();
    });
  }

  /** Resolves when its status says that nothing more will happen by itself: it is healthy, waits for room, or failed. */
  async settled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.#isSettled()) resolve();
    };
    this.#watchers.add(look);
    look();
    await promise;
    this.#watchers.delete(look);
  }

  /** Answers what was admitted, then ends the replicas. Never rejects. */
  async drain(): Promise<void> {
    const { clock } = this.#options;
    const graceMs = this.config.gracefulShutdownTimeoutMs;
    const untilMs = clock.nowMs() + graceMs;
    await this.dispatcher.drain(graceMs);
    this.#end();
    for (const look of this.#watchers) look();
    const leftMs = Math.max(STOP_GRACE_MS, untilMs - clock.nowMs());
    await Promise.all(this.replicas.map((replica) => this.#stop(replica, leftMs, "the server shuts down")));
  }

  /** Answers what was admitted, then wants no replica; `onGone` tells the end. */
  async delete(): Promise<void> {
    await this.dispatcher.drain(this.config.gracefulShutdownTimeoutMs);
    this.want({ ...this.#desired, deleting: true });
  }

  get #serving(): Revision {
    return this.#remembered?.planned.serving ?? this.#desired.revision;
  }

  #end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  #reconcile(): void {
    if (this.#ended) return;
    const { clock } = this.#options;
    for (;;) {
      const before = this.#remembered;
      const asked = { desired: this.#desired, observed: this.#observed };
      const remembered = replan(before, asked, clock.nowMs());
      if (remembered === before) break; // invariant 1
      this.#remembered = remembered;
      const { planned } = remembered;
      for (const { from, to, reason } of planned.transitions) {
        this.#options.log.info({ deployment: this.name }, `${from.kind} → ${to.kind} (${reason})`);
      }
      for (const action of planned.actions) this.#apply(action);
      this.#observe(planned.memory);
      this.#publish(before?.planned, planned);
      if (before?.planned.memory !== planned.memory) this.#options.onMemory(this);
      if (planned.gone) {
        this.#end();
        this.#options.onGone(this);
        return;
      }
      if (planned.actions.length === 0) break;
    }
    this.#wakeAt(this.#remembered?.planned.wakeAtMs ?? Number.POSITIVE_INFINITY);
  }

  #wakeAt(atMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#timer = clock.timer(Math.max(0, atMs - clock.nowMs()), () => this.reconcile());
  }

  #apply(action: Action): void {
    const { log } = this.#options;
    log.debug({ deployment: this.name, replica: action.id }, `${action.kind} (${action.reason})`);
    const replica = this.#replicas.get(action.id);
    switch (action.kind) {
      case "start":
        this.#start(action.id, action.revision);
        break;
      case "reconfigure":
        void replica?.reconfigure(action.revision);
        break;
      case "retire":
        replica?.retire(action.reason);
        break;
      case "stop":
        if (replica !== undefined) void this.#stop(replica, action.graceMs, action.reason);
        break;
      case "forget":
        if (replica !== undefined) this.#forget(replica);
        break;
    }
  }

  #start(id: string, revision: Revision): void {
    const { socketFolder, logLevel, runtime, output, clock, log } = this.#options;
    const replica = new ReplicaActor({
      id,
      revision,
      spec: { engine: engineSpecOf(revision.config, id), replicaId: id, socketFolder, logLevel },
      runtime,
      dispatcher: this.dispatcher,
      output,
      health: () => healthOf(this.config),
      clock,
      log,
      onChange: () => {
        if (replica.info !== undefined) this.#learn(replica.info);
        this.#changed();
      },
    });
    this.#replicas.set(id, replica);
    replica.start();
  }

  async #stop(replica: ReplicaActor, graceMs: number, reason: string): Promise<void> {
    await replica.stop(graceMs, reason);
    this.#forget(replica);
  }

  #forget(replica: ReplicaActor): void {
    if (replica.pid !== undefined) this.#options.output.close(replica.pid);
    this.#replicas.delete(replica.id);
    this.#changed();
  }

  #changed(): void {
    this.#observe(this.#observed.memory);
    this.reconcile();
  }

  #observe(memory: Memory): void {
    this.#observed = { replicas: this.replicas.map(({ view }) => view), memory };
  }

  /** The model says whether its requests can be joined. */
  #learn(info: ReplicaInfo): void {
    if (this.#info === info) return;
    this.#info = info;
    this.#setPolicy();
  }

  /** Invariant 2. */
  #setPolicy(): void {
    const policy = dispatchPolicyOf(this.config);
    const batchable = this.#info?.signature.batchable !== false;
    this.dispatcher.setPolicy(batchable ? policy : { ...policy, maxBatchSize: 1 });
  }

  #publish(before: Planned | undefined, now: Planned): void {
    if (before?.serving !== now.serving) this.#setPolicy();
    const { status } = now;
    // That a new deployment has no replica yet is no news.
    const from = before?.status ?? { ...status, state: NOT_PLANNED.state };
    this.#admit(status.takesRequests, status.message);
    for (const look of this.#watchers) look();
    if (from.state === status.state && from.message === status.message) return;
    if (from.state !== status.state) {
      const reason = status.message === "" ? status.trigger : status.message;
      this.#options.log.info({ deployment: this.name }, `${from.state} → ${status.state} (${reason})`);
    }
    this.#options.onStatus(this);
  }

  /** Invariant 3. */
  #admit(takesRequests: boolean, message: string): void {
    if (takesRequests || this.#desired.deleting) this.dispatcher.accept();
    else {
      const why = `Cannot use "${this.name}": ${redactPaths(message)}`;
      this.dispatcher.refuseAll(new ShoalError("DEPLOY_FAILED", why));
    }
  }

  #isSettled(): boolean {
    const { state } = this.status;
    if (this.#ended || state === "HEALTHY" || state === "DEPLOY_FAILED") return true;
    const { replicas } = this.#observed;
    return (
      replicas.length > 0 &&
      replicas.every(({ phase }) => phase.kind === "PENDING_ALLOCATION" || phase.kind === "RUNNING") &&
      replicas.some(({ phase }) => phase.kind === "PENDING_ALLOCATION")
    );
  }
}

const NOT_PLANNED: DeploymentStatus = { state: "UPDATING", message: "" };

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

function healthOf(
  config: DeploymentConfig,
): ReturnType<ConstructorParameters<typeof ReplicaActor>[0]["health"]> {
  return {
    periodMs: config.healthCheckPeriodMs,
    timeoutMs: config.healthCheckTimeoutMs,
    patienceMs: config.requestTimeoutMs + config.healthCheckTimeoutMs,
  };
}

function engineSpecOf(
  config: DeploymentConfig,
  replicaId: string,
): ConstructorParameters<typeof ReplicaActor>[0]["spec"]["engine"] {
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
