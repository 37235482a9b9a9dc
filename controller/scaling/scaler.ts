// How many replicas one deployment is to have: the load of all gateways, its policy, and what was decided.
//
// 1. Other settings of the same policy begin it anew; the load, the start-up times and the decisions stay.
// 2. It decides when the policy wants to be asked again, and at once when more waits than before or a user's function has
//    answered.
// 3. A policy of ours that throws, or answers what is no number within the bounds, is a fault of this deployment alone: its
//    target stays.

import { isDeepStrictEqual } from "node:util";
import {
  DecisionHistory,
  explain,
  initialReplicas,
  type LoadReading,
  type ScalingDecision,
  type ScalingSnapshot,
  StartUpTimes,
} from "../autoscale/index.ts";
import { messageOf } from "../../runtime/base/index.ts";
import type { DeploymentConfig, ScalingConfig } from "../config/index.ts";
import type { ObservedReplica } from "../reconcile/index.ts";
import type { GatewayLoad, GatewayPort } from "../routing/index.ts";
import { KnownService } from "./known-service.ts";
import { LoadMeter } from "./load-meter.ts";
import type { PolicySettings, RunningPolicy } from "./policy-of.ts";

/** A deployment as the autoscaler sees it. */
export interface ScaledDeployment {
  readonly name: string;
  readonly config: DeploymentConfig;
  readonly replicas: readonly { readonly view: ObservedReplica }[];
  readonly loads: ReadonlyMap<GatewayPort, GatewayLoad>;
}

export interface ScalerOptions {
  readonly application: string;
  readonly config: DeploymentConfig;
  readonly scaling: ScalingConfig;
  readonly wake: () => void;
  /** What load had asked for before the controller was started again; by default none was found yet. */
  readonly found?: number | undefined;
  /** Makes the policy that the settings ask for. */
  readonly start: (settings: PolicySettings) => RunningPolicy;
}

/** Until a policy that failed is asked again. */
const AFTER_FAULT_MS = 1_000;

export class Scaler implements AsyncDisposable {
  readonly history = new DecisionHistory();
  readonly #meter = new LoadMeter();
  readonly #startUps = new StartUpTimes();
  /** Replicas whose start has been measured. */
  #measured: ReadonlySet<string> = new Set();
  #options: ScalerOptions;
  #running: RunningPolicy;
  #target: number;
  #reviewAtMs = Number.NEGATIVE_INFINITY;
  #queued = 0;
  #last: ScalingDecision | undefined;

  constructor(options: ScalerOptions) {
    this.#options = options;
    this.#running = this.#start();
    const bounds = boundsOf(options.scaling);
    this.#target = initialReplicas({ ...bounds, initial: options.found ?? bounds.initial });
  }

  get target(): number {
    return this.#target;
  }

  /** What went wrong at the last decision; undefined when nothing did. */
  get fault(): string | undefined {
    return this.#last?.fault;
  }

  /** Why the target is what it is, as of the last decision; undefined before the first. */
  get explanation(): string | undefined {
    return this.#last?.explanation;
  }

  get application(): string {
    return this.#options.application;
  }

  /** Goes by these settings from now on; the target stays within the new bounds. */
  configure(options: ScalerOptions): void {
    const before = this.#options;
    this.#options = options;
    const same =
      before.application === options.application &&
      isDeepStrictEqual(before.scaling, options.scaling) &&
      before.config.latencySloMs === options.config.latencySloMs;
    if (same) return;
    void this.#running[Symbol.asyncDispose]();
    this.#running = this.#start(); // invariant 1
    this.#reviewAtMs = Number.NEGATIVE_INFINITY;
    const { minReplicas, maxReplicas } = options.scaling;
    this.#target = Math.min(maxReplicas, Math.max(minReplicas, this.#target));
  }

  /** Takes in the load, and decides when it is time (invariant 2). True when there is another target. */
  look(deployment: ScaledDeployment, { nowMs, epochMs }: { nowMs: number; epochMs: number }): boolean {
    const load = this.#meter.read(deployment.loads, nowMs);
    this.#measure(deployment.replicas);
    const queued = sum(deployment.loads, (one) => one.queued);
    const due = nowMs >= this.#reviewAtMs || queued > this.#queued;
    this.#queued = queued;
    if (!due) return false;
    const before = this.#target;
    const decision = this.#decide(this.#snapshot(deployment, load, nowMs));
    this.#last = decision;
    this.#reviewAtMs = decision.reviewAtMs;
    this.#target = decision.target;
    this.history.add(before, decision, epochMs);
    return decision.target !== before;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }

  /** Invariant 3. */
  #decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { policy } = this.#running;
    const { bounds, nowMs, target } = snapshot;
    let why: string;
    try {
      const decision = policy.decide(snapshot);
      const { target: to } = decision;
      if (Number.isInteger(to) && to >= bounds.min && to <= bounds.max) return decision;
      why = `answered ${to}, ${bounds.min} to ${bounds.max} was wanted`;
    } catch (thrown) {
      why = `failed: ${messageOf(thrown)}`;
    }
    return {
      target,
      explanation: explain(target, target, `kept, since the policy ${policy.name} ${why}`),
      fault: `The policy ${policy.name} ${why}`,
      reviewAtMs: nowMs + AFTER_FAULT_MS,
    };
  }

  #start(): RunningPolicy {
    const { application, config, scaling, start } = this.#options;
    return start({
      application,
      deployment: config.name,
      scaling,
      objectiveMs: config.latencySloMs,
      wake: () => {
        this.#reviewAtMs = Number.NEGATIVE_INFINITY; // invariant 2
        this.#options.wake();
      },
    });
  }

  /** Each replica's start-up once, also of one that is reconfigured later. */
  #measure(replicas: ScaledDeployment["replicas"]): void {
    const measured = new Set<string>();
    for (const { view } of replicas) {
      const { id, phase, startedMs } = view;
      if (!this.#measured.has(id)) {
        if (phase.kind !== "RUNNING") continue;
        this.#startUps.record(phase.sinceMs - startedMs);
      }
      measured.add(id);
    }
    this.#measured = measured;
  }

  #snapshot(
    { replicas, loads, config }: ScaledDeployment,
    load: LoadReading,
    nowMs: number,
  ): ScalingSnapshot {
    const kinds = replicas.map(({ view }) => view.phase.kind);
    const queuedRequests = sum(loads, (one) => one.queued);
    const ongoingRequests = sum(loads, (one) => one.open) - queuedRequests;
    const requests = sum(loads, (one) => one.arrivedRequests);
    const rowsPerRequest = requests === 0 ? 1 : sum(loads, (one) => one.arrivedRows) / requests;
    return {
      nowMs,
      measuredMs: Math.min(nowMs, ...[...loads.keys()].map(({ heardMs }) => heardMs)),
      bounds: boundsOf(this.#options.scaling),
      target: this.#target,
      ready: kinds.filter((kind) => kind === "RUNNING" || kind === "UPDATING").length,
      starting: kinds.filter((kind) => kind === "STARTING" || kind === "PENDING_ALLOCATION").length,
      queuedRequests,
      queuedRows: sum(loads, (one) => one.queuedRows),
      ongoingRequests,
      ongoingRows: ongoingRequests * rowsPerRequest,
      load,
      service: new KnownService([...loads.values()].flatMap(({ service }) => service ?? [])),
      startUpMs: this.#startUps.startUpMs,
      maxBatchRows: config.batching.maxBatchSize,
      maxOngoingRequests: config.maxOngoingRequests,
      batchesAtOnce: batchesAtOnceOf(config),
      gateways: Math.max(1, loads.size),
    };
  }
}

function boundsOf({ minReplicas, maxReplicas, initialReplicas: initial }: ScalingConfig) {
  return { min: minReplicas, max: maxReplicas, initial };
}

/**
 * User code of which its owner says that it runs several batches beside each other does so. Left open it may as well
 * compute, and is counted for one at a time.
 */
function batchesAtOnceOf({ source, batching, maxOngoingRequests }: DeploymentConfig): number {
  const { maxConcurrentBatches = 1, maxBatchSize } = batching;
  if (source.engine !== "module") return 1;
  return Math.max(1, Math.min(maxConcurrentBatches, Math.floor(maxOngoingRequests / maxBatchSize)));
}

function sum(loads: ReadonlyMap<unknown, GatewayLoad>, of: (load: GatewayLoad) => number): number {
  return [...loads.values()].reduce((total, load) => total + of(load), 0);
}
