// One deployment: its replicas, the loop that makes them what is wanted: observe → plan → apply, and what gateways are
// told of it.
//
// 1. The loop is woken by events and by the time the plan gave; woken with nothing changed, it does nothing.
// 2. Light settings of the version in charge hold for all; a version on trial does not change them.
// 3. A replica that leaves is told to end only when every gateway knows that it gets nothing new, and has had its answers.
// 4. Of a version on trial, a new replica gets no request that may not run again, for a while (`reconcile/quiet.ts`).

import { isDeepStrictEqual } from "node:util";
import type { Timer } from "../runtime/base/index.ts";
import type { ReplicaInfo } from "../replicas/index.ts";
import type { DeploymentStatus } from "./catalog.ts";
import type { DeploymentConfig } from "./config/index.ts";
import type { Ejection } from "./dispatch/index.ts";
import type { FoundReplica } from "./found-replicas.ts";
import { type ReplicaActor, STOP_GRACE_MS } from "./replica-actor.ts";
import { ReplicaSet, type ReplicaSetOptions } from "./replica-set.ts";
import {
  type DesiredDeployment,
  type LastingMemory,
  type Memory,
  type ObservedDeployment,
  type Planned,
  type PlannedStatus,
  quietReplicas,
  recover,
  type Remembered,
  replan,
  type Revision,
} from "./reconcile/index.ts";
import type { DeploymentEntry, GatewayLoad, GatewayPort } from "./routing/index.ts";

export interface DeploymentOptions extends Omit<ReplicaSetOptions, "deployment" | "config" | "onChange"> {
  readonly desired: DesiredDeployment;
  /** What is known of it from before: `FIRST_MEMORY` of one that is new, its number of the first replica apart. */
  readonly recalled: LastingMemory;
  /** What its replicas said of themselves before; undefined when that is not known. */
  readonly info: Omit<ReplicaInfo, "socketPath"> | undefined;
  readonly onStatus: (deployment: Deployment) => void;
  /** What `memory` says has changed. */
  readonly onMemory: (deployment: Deployment) => void;
  /** It was deleted and nothing of it is left. */
  readonly onGone: (deployment: Deployment) => void;
}

export class Deployment {
  readonly #options: DeploymentOptions;
  readonly #replicas: ReplicaSet;
  #desired: DesiredDeployment;
  #observed: ObservedDeployment;
  #remembered: Remembered | undefined;
  #entry: DeploymentEntry | undefined;
  #drainGraceMs: number | undefined;
  #deleted = false;
  #asked = false;
  #timer: Timer | undefined;
  #ended = false;
  readonly #watchers = new Set<() => void>();

  constructor(options: DeploymentOptions) {
    this.#options = options;
    this.#desired = options.desired;
    this.#observed = { replicas: [], memory: recover(options.recalled) };
    this.#replicas = new ReplicaSet({
      ...options,
      deployment: this.name,
      config: () => this.config,
      onChange: () => this.#changed(),
    });
    this.#tell();
  }

  get key(): string {
    return this.#options.key;
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

  /** A replica serves, or a request would start one. */
  get ready(): boolean {
    const wakes = this.config.scaling?.minReplicas === 0 && this.planned?.takesRequests === true;
    return wakes || this.replicas.some(({ info }) => info !== undefined);
  }

  /** What its replicas said of themselves; undefined before the first was ready. */
  get info(): Omit<ReplicaInfo, "socketPath"> | undefined {
    return this.#replicas.info ?? this.#options.info;
  }

  /** What each gateway knows of its requests. */
  get loads(): ReadonlyMap<GatewayPort, GatewayLoad> {
    return this.#options.routes.loads(this.key);
  }

  /** Requests that wait, at all gateways together. */
  get queued(): number {
    return [...this.loads.values()].reduce((sum, { queued }) => sum + queued, 0);
  }

  /** Requests admitted and not settled, at all gateways together. */
  get open(): number {
    return [...this.loads.values()].reduce((sum, { open }) => sum + open, 0);
  }

  get replicas(): readonly ReplicaActor[] {
    return this.#replicas.all;
  }

  /** Takes over replicas that another controller left. */
  adopt(found: readonly FoundReplica[]): void {
    for (const one of found) this.#replicas.adopt(one);
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
      this.#reconcileSafely();
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
    await this.#drainRequests(graceMs);
    this.#end();
    for (const look of this.#watchers) look();
    const leftMs = Math.max(STOP_GRACE_MS, untilMs - clock.nowMs());
    await this.#replicas.stop(leftMs, "the server shuts down");
  }

  /** Answers what was admitted, then wants no replica; `onGone` tells the end. */
  async delete(): Promise<void> {
    this.#deleted = true;
    await this.#drainRequests(this.config.gracefulShutdownTimeoutMs);
    this.want({ ...this.#desired, deleting: true });
  }

  /** A gateway told that a replica lost a batch. */
  async onLost(replicaId: string): Promise<void> {
    if (await this.#replicas.get(replicaId)?.probe()) this.#options.routes.restore(this.key, replicaId);
  }

  /** A gateway told that a replica gets nothing for a while; one that is bad time after time is replaced. */
  onEjected({ replicaId, times, forMs, reason }: Ejection): void {
    const { outliers } = this.config;
    const what = `no requests for ${forMs / 1000} s (ejection ${times}): ${reason}`;
    this.#options.log.warn({ deployment: this.name, replica: replicaId }, what);
    if (outliers === undefined || times < outliers.replaceAfter) return;
    this.#replicas.get(replicaId)?.replace(`it was ejected ${times} times: ${reason}`);
  }

  async #drainRequests(graceMs: number): Promise<void> {
    this.#drainGraceMs ??= graceMs;
    this.#tell();
    await this.#options.routes.drained(this.key);
  }

  get #serving(): Revision {
    return this.#remembered?.planned.serving ?? this.#desired.revision;
  }

  #end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  /** A fault of ours in one deployment is no reason to end the others: it is told, and tried again. */
  #reconcileSafely(): void {
    try {
      this.#reconcile();
    } catch (thrown) {
      this.#options.log.error({ err: thrown, deployment: this.name }, "cannot be reconciled now");
      this.#wakeAt(this.#options.clock.nowMs() + AFTER_FAULT_MS);
    }
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
      for (const action of planned.actions) this.#replicas.apply(action);
      this.#observe(planned.memory);
      this.#publish(before?.planned, planned);
      if (before?.planned.memory !== planned.memory) this.#options.onMemory(this);
      if (planned.gone) {
        this.#end();
        this.#options.routes.removeDeployment(this.key);
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

  #changed(): void {
    this.#observe(this.#observed.memory);
    this.#tell();
    this.reconcile();
  }

  #observe(memory: Memory): void {
    this.#observed = { replicas: this.#replicas.views, memory };
  }

  /** Tells the gateways what is new (invariant 2). */
  #tell(): void {
    const { key, routes } = this.#options;
    const { config, status } = this;
    const entry = {
      key,
      name: this.name,
      config,
      status: { state: status.state, message: status.message },
      takesRequests: this.planned?.takesRequests ?? true,
      info: this.info,
      replicas: this.#replicas.entries(this.#quiet()),
      drainGraceMs: this.#drainGraceMs,
      deleted: this.#deleted,
    };
    if (isDeepStrictEqual(entry, this.#entry)) return;
    this.#entry = entry;
    routes.setDeployment(entry);
  }

  /** Those that get nothing yet (invariant 4). */
  #quiet(): ReadonlySet<string> {
    if (this.config.idempotent && this.info?.takes.fetch !== true) return new Set();
    const { minReadyMs } = this.#desired.rollout;
    return quietReplicas(this.#observed, { minReadyMs, nowMs: this.#options.clock.nowMs() });
  }

  #publish(before: Planned | undefined, now: Planned): void {
    const { status } = now;
    // That a new deployment has no replica yet is no news.
    const from = before?.status ?? { ...status, state: NOT_PLANNED.state };
    this.#tell();
    for (const look of this.#watchers) look();
    if (from.state === status.state && from.message === status.message) return;
    if (from.state !== status.state) {
      const reason = status.message === "" ? status.trigger : status.message;
      this.#options.log.info({ deployment: this.name }, `${from.state} → ${status.state} (${reason})`);
    }
    this.#options.onStatus(this);
  }

  #isSettled(): boolean {
    const { state } = this.status;
    if (this.#ended || state === "HEALTHY") return true;
    // What failed is over, unless the last good version is still on its way.
    if (state === "DEPLOY_FAILED") return this.ready || this.planned?.takesRequests !== true;
    const { replicas } = this.#observed;
    return (
      replicas.length > 0 &&
      replicas.every(({ phase }) => phase.kind === "PENDING_ALLOCATION" || phase.kind === "RUNNING") &&
      replicas.some(({ phase }) => phase.kind === "PENDING_ALLOCATION")
    );
  }
}

/** Until a deployment that could not be reconciled is tried again. */
const AFTER_FAULT_MS = 1_000;

const NOT_PLANNED: DeploymentStatus = { state: "UPDATING", message: "" };
