// Everything that is served: makes the deployments what a config wants, tells gateways what is routed where, and drains
// it all.
//
// 1. One deployment's failure touches only its own.
// 2. What a config no longer names loses its route at once, answers what was admitted, and ends.
// 3. One that takes the place of another takes over what runs: gateways route on meanwhile, and nothing ends before all of
//    them are attached again.

import { type Clock, systemClock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import type { ResourceTotals, Runtime, RuntimeOptions } from "../runtime/core/index.ts";
import type { Ejection } from "./dispatch/index.ts";
import type { ApplicationConfig, DeploymentConfig, ServeConfig } from "./config/index.ts";
import { Deployment } from "./deployment.ts";
import { findReplicas } from "./found-replicas.ts";
import { Ground } from "./ground.ts";
import { type Inheritance, Legacy } from "./legacy.ts";
import {
  type ApplicationStatus,
  applicationStatus,
  type DesiredDeployment,
  FIRST_MEMORY,
  type LastingMemory,
  lastingPart,
  revisionOf,
} from "./reconcile/index.ts";
import { drainNode, drainOn, type NodeView, undrainNode, viewNodes } from "./nodes.ts";
import { type GatewayPort, type KnownRoutes, type RouteEntry, RoutePublisher } from "./routing/index.ts";
import { type ExternalTarget, Scaling, type ScalingStatus } from "./scaling/index.ts";
import { type StoredTraffic, Traffic, type TrafficStatus, versionView } from "./traffic/index.ts";

export interface ControllerOptions {
  /** What is wanted first. */
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly logLevel: string;
  readonly clock?: Clock;
  /** Of the runtime whose actors the replicas are: what the machine has to give is detected by default. */
  readonly runtime?: RuntimeOptions;
  /** What it stands on, the caller's to end; by default one of its own, which ends with it. */
  readonly ground?: Pick<Ground, "runtime" | "socketFolder">;
  /**
   * It takes the place of one that stood on the same ground and is gone: what each gateway that runs routes by. `apply`
   * says then what is wanted, not `config`; `attached` when all of these gateways are told again. By default it is the first.
   */
  readonly takesOver?: readonly KnownRoutes[];
  /** Told when a deployment's status changes. */
  readonly onStatus?: (deployment: Deployment) => void;
  /** Told when a deployment's `memory` changes. */
  readonly onMemory?: (deployment: Deployment) => void;
  /** Told when load asks for another number of replicas: see `scalingStatus`. */
  readonly onTarget?: (deployment: string) => void;
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
  /** By deployment, replicas that load asked for before the server ended. */
  readonly targets?: ReadonlyMap<string, number>;
  /** By deployment, what stands for the files that its config names. */
  readonly contents?: ReadonlyMap<string, string>;
  /** By deployment, where it stood before the server ended. */
  readonly recalled?: ReadonlyMap<string, LastingMemory>;
  /** By application, what was stored of its traffic. */
  readonly recalledTraffic?: ReadonlyMap<string, unknown>;
}

/** By whom a deployment is wanted, and what was left to each. */
interface Wanting {
  readonly application: string;
  readonly generation: number;
  readonly inherited: ReadonlyMap<string, Inheritance>;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #ground: Pick<Ground, "runtime" | "socketFolder">;
  readonly #legacy: Legacy;
  #config: ServeConfig;
  readonly #deployments = new Map<string, Deployment>();
  /** Deleted, and not gone yet. */
  readonly #leaving = new Set<Deployment>();
  readonly #routes: RoutePublisher;
  readonly #traffic: Traffic;
  readonly #scaling: Scaling;
  #generation = 0;
  /** Of the next deployment's key. */
  #nextKey: number;
  #settled = false;
  #drained: Promise<void> | undefined;

  private constructor(
    options: ControllerOptions,
    parts: { readonly ground: Pick<Ground, "runtime" | "socketFolder">; readonly legacy: Legacy },
  ) {
    const { ground, legacy } = parts;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ground = ground;
    this.#legacy = legacy;
    this.#nextKey = legacy.nextKey;
    this.#routes = new RoutePublisher(
      options.takesOver === undefined ? {} : { after: legacy.number, attaching: true },
    );
    this.#config = { ...options.config, applications: [] };
    this.#scaling = new Scaling({
      clock: this.#clock,
      log: options.log,
      look: (name) => this.#deployments.get(name),
      onTarget: (name, numReplicas) => {
        const deployment = this.#deployments.get(name);
        deployment?.want({ ...deployment.desired, numReplicas, scaledBy: "autoscaler" });
        options.onTarget?.(name);
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
    const { log, takesOver } = options;
    const ground = options.ground ?? (await Ground.start(options));
    if (takesOver === undefined) {
      const controller = new Controller(options, { ground, legacy: new Legacy() });
      controller.apply(options.config);
      return controller;
    }
    const legacy = new Legacy(await findReplicas(ground, log), takesOver);
    return new Controller(options, { ground, legacy });
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
    const inherited = this.#inherit(wanted);
    for (const { name, deployments } of applications) {
      const generation = options.generations?.get(name) ?? this.#generation;
      for (const deployment of deployments)
        this.#want(deployment, { application: name, generation, inherited }, options);
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

  /** The gateways that it took over are all attached, or gone. */
  attached(): void {
    this.#routes.attached();
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
    return viewNodes(this.#ground.runtime, [...this.deployments(), ...this.#leaving]);
  }

  /**
   * Nothing new goes to the node; each replica there is replaced elsewhere before it ends. Resolves when that has begun;
   * `nodes` tells how far it is. Rejects with NOT_FOUND.
   */
  drainNode(id: string): Promise<void> {
    return drainNode(id, this.#ground.runtime, this.deployments());
  }

  /** The node is used again; replicas that have not moved yet stay. Rejects with NOT_FOUND. */
  undrainNode(id: string): Promise<void> {
    return undrainNode(id, this.#ground.runtime, this.deployments());
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
    return this.#ground.runtime.resources();
  }

  /** Whose actors the replicas are. */
  get runtime(): Runtime {
    return this.#ground.runtime;
  }

  /** Answers what was admitted, refuses the rest, ends every replica. The same promise every time. */
  drain(): Promise<void> {
    this.#drained ??= this.#drainAll();
    return this.#drained;
  }

  /** Drains, then ends its own ground with all that is still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
    if (this.#ground instanceof Ground && this.#options.ground === undefined)
      await this.#ground[Symbol.asyncDispose]();
  }

  #want(
    config: DeploymentConfig,
    { application, generation, inherited }: Wanting,
    { contents, recalled, scales, targets }: ApplyOptions,
  ): void {
    const { name } = config;
    const [external, found] = [scales?.get(name), targets?.get(name)];
    const desired = {
      name: config.name,
      revision: revisionOf(config, contents?.get(config.name)),
      numReplicas: this.#scaling.replicasFor(config, { application, external, found }),
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
    const deployment = this.#make(desired, memory, inherited.get(config.name));
    this.#deployments.set(config.name, deployment);
    deployment.reconcile();
  }

  #make(desired: DesiredDeployment, memory: LastingMemory, inherited?: Inheritance): Deployment {
    const { runtime, socketFolder } = this.#ground;
    const nextReplica = Math.max(memory.nextReplica, this.#nextReplicaOf(desired.name));
    const deployment = new Deployment({
      key: inherited?.key ?? `${desired.name}@${this.#nextKey++}`,
      desired,
      recalled: { ...memory, nextReplica },
      info: inherited?.info,
      socketFolder,
      logLevel: this.#options.logLevel,
      runtime,
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
    deployment.adopt(inherited?.replicas ?? []);
    return deployment;
  }

  /** At the first `apply`, what was left to each deployment that is wanted; the rest goes on leaving. */
  #inherit(wanted: ReadonlySet<string>): ReadonlyMap<string, Inheritance> {
    if (this.#settled) return new Map();
    this.#settled = true;
    const inherited = new Map(
      [...wanted].flatMap((name) => {
        const one = this.#legacy.take(name);
        return one === undefined ? [] : [[name, one] as const];
      }),
    );
    for (const left of this.#legacy.rest()) {
      const revision = left.replicas[0]?.revision;
      if (revision === undefined) continue;
      const { name, rollout } = revision.config;
      const numReplicas = left.replicas.length;
      const desired = { name, revision, numReplicas, generation: 0, rollout, deleting: false } as const;
      const course = { kind: "STEADY", good: revision } as const;
      const deployment = this.#make({ ...desired, scaledBy: "config" }, { course, nextReplica: 0 }, left);
      this.#leaving.add(deployment);
      void deployment.delete(); // invariant 2
    }
    if (this.#options.takesOver !== undefined) void this.#drainOn();
    return inherited;
  }

  async #drainOn(): Promise<void> {
    try {
      await drainOn(this.#ground.runtime, () => this.deployments());
    } catch (thrown) {
      this.#options.log.error({ err: thrown }, "nodes that drain cannot be looked up");
    }
  }

  /** Replicas of one that is leaving may still have their names. */
  #nextReplicaOf(name: string): number {
    const namesakes = [...this.#leaving].filter((deployment) => deployment.name === name);
    const before = this.#legacy.nextReplicaOf(name);
    return Math.max(before, ...namesakes.map(({ nextReplica }) => nextReplica));
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
