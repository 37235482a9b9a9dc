// Everything that is served: makes the deployments what a config wants, tells gateways what is routed where, and drains
// it all.
//
// 1. One deployment's failure touches only its own.
// 2. What a config no longer names loses its route at once, answers what was admitted, and ends.

import { rm } from "node:fs/promises";
import { type Clock, systemClock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { type ResourceTotals, Runtime, type RuntimeOptions } from "../runtime/core/index.ts";
import type { Ejection } from "./dispatch/index.ts";
import type { ApplicationConfig, DeploymentConfig, ServeConfig } from "./config/index.ts";
import { Deployment } from "./deployment.ts";
import {
  type ApplicationStatus,
  applicationStatus,
  FIRST_MEMORY,
  type LastingMemory,
  lastingPart,
  revisionOf,
} from "./reconcile/index.ts";
import { drainNode, type NodeView, undrainNode, viewNodes } from "./nodes.ts";
import { ReplicaOutput } from "./replica-output.ts";
import { type GatewayPort, type RouteEntry, RoutePublisher } from "./routing/index.ts";
import { type ExternalTarget, Scaling, type ScalingStatus } from "./scaling/index.ts";
import { openSocketFolder } from "./socket-folder.ts";
import { type StoredTraffic, Traffic, type TrafficStatus, versionView } from "./traffic/index.ts";

export interface ControllerOptions {
  /** What is wanted first. */
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly logLevel: string;
  readonly clock?: Clock;
  /** Of the runtime whose actors the replicas are: what the machine has to give is detected by default. */
  readonly runtime?: RuntimeOptions;
  /** Told when a deployment's status changes. */
  readonly onStatus?: (deployment: Deployment) => void;
  /** Told when a deployment's `memory` changes. */
  readonly onMemory?: (deployment: Deployment) => void;
  /** Told when an application's `storedTraffic` changes. */
  readonly onTraffic?: (application: string) => void;
}

/** What is known of the applications beside their config; of each part, none by default. */
export interface ApplyOptions {
  /**
   * By application, the number of its deploy: a version that failed is tried again when this changes. By default each
   * `apply` is another deploy of all.
   */
  readonly generations?: ReadonlyMap<string, number>;
  /** By deployment, replicas that somebody asked for in place of the config's number. */
  readonly scales?: ReadonlyMap<string, ExternalTarget>;
  /** By deployment, what stands for the files that its config names. */
  readonly contents?: ReadonlyMap<string, string>;
  /** By deployment, where it stood before the server ended. */
  readonly recalled?: ReadonlyMap<string, LastingMemory>;
  /** By application, what was stored of its traffic. */
  readonly recalledTraffic?: ReadonlyMap<string, unknown>;
}

const REPLICA_VARIABLES = {
  // For glibc: memory of this size and more goes back to the system when it is freed. Left to itself, glibc raises the
  // bound with each body freed and then keeps them all.
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
  // User code has no business with the admin listener.
  SHOAL_ADMIN_TOKEN: undefined,
};

/** Of what runs underneath only what somebody must know, unless all is to be told. */
function quieter(level: string): string {
  return level === "info" ? "warn" : level;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #socketFolder: string;
  readonly #runtime: Runtime;
  readonly #output: ReplicaOutput;
  #config: ServeConfig;
  readonly #deployments = new Map<string, Deployment>();
  /** Deleted, and not gone yet. */
  readonly #leaving = new Set<Deployment>();
  readonly #routes = new RoutePublisher();
  readonly #traffic: Traffic;
  readonly #scaling: Scaling;
  #generation = 0;
  /** Deployments made so far, for their keys. */
  #made = 0;
  #drained: Promise<void> | undefined;

  private constructor(
    options: ControllerOptions,
    parts: { readonly runtime: Runtime; readonly socketFolder: string; readonly output: ReplicaOutput },
  ) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#socketFolder = parts.socketFolder;
    this.#runtime = parts.runtime;
    this.#output = parts.output;
    this.#config = { ...options.config, applications: [] };
    this.#scaling = new Scaling({
      clock: this.#clock,
      log: options.log,
      look: (name) => this.#deployments.get(name),
      onTarget: (name, numReplicas) => {
        const deployment = this.#deployments.get(name);
        deployment?.want({ ...deployment.desired, numReplicas, scaledBy: "autoscaler" });
      },
    });
    const look = (name: string) => {
      const deployment = this.#deployments.get(name);
      return deployment === undefined ? undefined : versionView(deployment);
    };
    this.#traffic = new Traffic({
      clock: this.#clock,
      log: options.log,
      look,
      onLook: () => this.#collectTraffic(),
      onTable: () => this.#route(),
      onMemory: (application) => this.#options.onTraffic?.(application),
    });
  }

  /** Makes what is served known; nothing runs before `deploy`. The caller drains it. */
  static async start(options: ControllerOptions): Promise<Controller> {
    const { log, clock } = options;
    const socketFolder = await openSocketFolder();
    const output = new ReplicaOutput(log);
    const runtime = await Runtime.start({
      // So that a replica that died is replaced without waiting for a process.
      warmWorkers: 1,
      runtimeEnv: { envVars: REPLICA_VARIABLES },
      dedupLogs: false,
      enableTaskEvents: false,
      onWorkerLine: (line) => output.line(line),
      // Each replica tells its own states.
      log: log.child({}, { level: quieter(log.level) }),
      ...(clock === undefined ? {} : { clock }),
      ...options.runtime,
    });
    const controller = new Controller(options, { runtime, socketFolder, output });
    controller.apply(options.config);
    return controller;
  }

  /** What is wanted. */
  get config(): ServeConfig {
    return this.#config;
  }

  /** Resolves when each deployment is ready, waits for resources, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.deployments().map((deployment) => deployment.settled()));
  }

  /** Wants these applications and no others from now on. Listeners and logging stay as they are. */
  apply({ applications }: Pick<ServeConfig, "applications">, options: ApplyOptions = {}): void {
    this.#generation++;
    this.#config = { ...this.#config, applications };
    const wanted = new Set(applications.flatMap(({ deployments }) => deployments.map(({ name }) => name)));
    for (const { name, deployments } of applications) {
      const generation = options.generations?.get(name) ?? this.#generation;
      for (const deployment of deployments)
        this.#want(deployment, { application: name, generation }, options);
    }
    this.#traffic.apply(applications, options.recalledTraffic);
    this.#route();
    for (const [name, deployment] of this.#deployments) {
      if (wanted.has(name)) continue;
      this.#deployments.delete(name); // invariant 2
      this.#scaling.forget(name);
      this.#leaving.add(deployment);
      void deployment.delete();
    }
  }

  deployment(name: string): Deployment | undefined {
    return this.#deployments.get(name);
  }

  deployments(): readonly Deployment[] {
    return [...this.#deployments.values()];
  }

  /** Tells the gateway all that is routed, now and from now on. Resolves when it routes so. */
  attach(port: GatewayPort): Promise<void> {
    return this.#routes.subscribe(port);
  }

  /** The gateway is gone. */
  detach(port: GatewayPort): void {
    this.#routes.unsubscribe(port);
  }

  /** A gateway lost a batch at a replica of the deployment with this key. */
  onLost(key: string, replicaId: string): void {
    const all = [...this.#deployments.values(), ...this.#leaving];
    void all.find((deployment) => deployment.key === key)?.onLost(replicaId);
  }

  /** A gateway sends a replica of the deployment with this key nothing for a while. */
  onEjected(key: string, ejection: Ejection): void {
    this.deployments()
      .find((deployment) => deployment.key === key)
      ?.onEjected(ejection);
  }

  /** The nodes, with the replicas they have, and what of those that drain cannot move yet. */
  nodes(): Promise<NodeView[]> {
    return viewNodes(this.#runtime, [...this.deployments(), ...this.#leaving]);
  }

  /**
   * Nothing new goes to the node; each replica there is replaced elsewhere before it ends. Resolves when that has begun;
   * `nodes` tells how far it is. Rejects with NOT_FOUND.
   */
  drainNode(id: string): Promise<void> {
    return drainNode(id, this.#runtime, this.deployments());
  }

  /** The node is used again; replicas that have not moved yet stay. Rejects with NOT_FOUND. */
  undrainNode(id: string): Promise<void> {
    return undrainNode(id, this.#runtime, this.deployments());
  }

  /** Undefined for an application whose ingress answers everything. */
  trafficStatus(application: string): TrafficStatus | undefined {
    return this.#traffic.status(application);
  }

  /** What of an application's traffic is to outlive the server; undefined when there is nothing. */
  storedTraffic(application: string): StoredTraffic | undefined {
    return this.#traffic.stored(application);
  }

  applicationStatus({ deployments }: ApplicationConfig): ApplicationStatus {
    const statuses = deployments.map(({ name }) => [name, this.#deployments.get(name)?.planned] as const);
    return applicationStatus({ deleting: false, deployments: new Map(statuses) });
  }

  /** Undefined for a deployment whose number of replicas is its config's. */
  scalingStatus(deployment: string): ScalingStatus | undefined {
    return this.#scaling.status(deployment);
  }

  resources(): Promise<ResourceTotals> {
    return this.#runtime.resources();
  }

  /** Whose actors the replicas are. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  /** Answers what was admitted, refuses the rest, ends every replica. The same promise every time. */
  drain(): Promise<void> {
    this.#drained ??= this.#drainAll();
    return this.#drained;
  }

  /** Drains, then ends the runtime with all that is still in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
    await this.#runtime.shutdown();
    await rm(this.#socketFolder, { recursive: true, force: true });
  }

  #want(
    config: DeploymentConfig,
    { application, generation }: { readonly application: string; readonly generation: number },
    { contents, recalled, scales }: ApplyOptions,
  ): void {
    const desired = {
      name: config.name,
      revision: revisionOf(config, contents?.get(config.name)),
      numReplicas: this.#scaling.replicasFor(config, { application, external: scales?.get(config.name) }),
      scaledBy: "config",
      generation,
      rollout: config.rollout,
      deleting: false,
    } as const;
    const known = this.#deployments.get(config.name);
    if (known !== undefined) {
      known.want(desired);
      return;
    }
    const memory = recalled?.get(config.name) ?? lastingPart(FIRST_MEMORY);
    const nextReplica = Math.max(memory.nextReplica, this.#nextReplicaOf(config.name));
    const deployment = new Deployment({
      key: `${config.name}@${++this.#made}`,
      desired,
      recalled: { ...memory, nextReplica },
      socketFolder: this.#socketFolder,
      logLevel: this.#options.logLevel,
      runtime: this.#runtime,
      output: this.#output,
      routes: this.#routes,
      clock: this.#clock,
      log: this.#options.log,
      onStatus: (changed) => {
        this.#traffic.observe();
        this.#options.onStatus?.(changed);
      },
      onMemory: (changed) => this.#options.onMemory?.(changed),
      onGone: (gone) => this.#leaving.delete(gone),
    });
    this.#deployments.set(config.name, deployment);
    deployment.reconcile();
  }

  /** Replicas of one that is leaving may still have their names. */
  #nextReplicaOf(name: string): number {
    const namesakes = [...this.#leaving].filter((deployment) => deployment.name === name);
    return Math.max(0, ...namesakes.map(({ nextReplica }) => nextReplica));
  }

  #route(): void {
    const routes = this.#config.applications.map(
      ({ name, routePrefix, ingress, requestTimeoutMs }): RouteEntry => ({
        application: name,
        prefix: routePrefix === "/" ? "" : routePrefix,
        ingress,
        traffic: this.#traffic.table(name),
        ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      }),
    );
    this.#routes.setRoutes(routes.sort((a, b) => b.prefix.length - a.prefix.length));
  }

  #collectTraffic(): void {
    for (const port of this.#routes.ports) {
      for (const [application, report] of port.takeTraffic()) this.#traffic.report(application, report);
    }
  }

  async #drainAll(): Promise<void> {
    this.#traffic.stop();
    const scalingStopped = this.#scaling.stop();
    const all = [...this.#deployments.values(), ...this.#leaving];
    await Promise.all(all.map((deployment) => deployment.drain()));
    await scalingStopped;
  }
}
