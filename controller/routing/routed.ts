// What a gateway process routes by: the table as it was last told, with a queue for each deployment in it.
//
// 1. It changes by updates alone, and all of an update holds from one moment on.
// 2. A deployment that was deleted is found by nobody any more; what it admitted, it answers.
// 3. An update older than what it has, of a controller that is gone, changes nothing.

import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { Catalog, Route, ServedDeployment } from "../catalog.ts";
import type { Ejection, StatsSnapshot } from "../dispatch/index.ts";
import { TrafficRouter, type TrafficReport } from "../traffic/index.ts";
import type { GatewayEvent, GatewayLoad, GatewayPort, KnownRoutes } from "./gateway-port.ts";
import type { RouteEntry, RouteUpdate } from "./route-table.ts";
import { RoutedDeployment } from "./routed-deployment.ts";

export interface RoutedOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How many gateways there are, this one included. Default 1. */
  readonly gateways?: number;
  /** Told when a replica of the deployment with this key lost a batch. */
  readonly onLost: (key: string, replicaId: string) => void;
  /** Told when a replica of the deployment with this key gets nothing for a while because its results are bad. */
  readonly onEjected?: (key: string, ejection: Ejection) => void;
}

export class Routed implements Catalog, GatewayPort {
  readonly #options: RoutedOptions;
  readonly #byKey = new Map<string, RoutedDeployment>();
  #byName: ReadonlyMap<string, RoutedDeployment> = new Map();
  /** By key, as last told. */
  readonly #reported = new Map<string, GatewayLoad>();
  #number = 0;
  #entries: readonly RouteEntry[] = [];
  #routes: readonly Route[] = [];
  /** By application. */
  #traffic: ReadonlyMap<string, TrafficRouter> = new Map();
  /** By V2 model name: looked at with each request. */
  #models: ReadonlyMap<string, TrafficRouter> = new Map();

  constructor(options: RoutedOptions) {
    this.#options = options;
  }

  /** Holds at once (invariant 1). */
  apply({ number, full, routes, deployments, removed }: RouteUpdate): undefined {
    if (number < this.#number) return; // invariant 3
    this.#number = number;
    for (const entry of deployments) {
      const known = this.#byKey.get(entry.key);
      if (known !== undefined) known.adopt(entry);
      else this.#byKey.set(entry.key, new RoutedDeployment(entry, this.#deploymentOptions()));
    }
    const named = new Set(deployments.map(({ key }) => key));
    const gone = full ? [...this.#byKey.keys()].filter((key) => !named.has(key)) : removed;
    for (const key of gone) {
      void this.#byKey.get(key)?.close();
      this.#byKey.delete(key);
      this.#reported.delete(key);
    }
    if (routes !== undefined) this.#entries = routes;
    const found = [...this.#byKey.values()].filter(({ deleted }) => !deleted); // invariant 2
    this.#byName = new Map(found.map((deployment) => [deployment.name, deployment]));
    if (routes !== undefined) this.#adoptTraffic(routes);
    this.#routes = this.#entries.flatMap((entry) => this.#routeOf(entry));
  }

  /** For a controller that takes the place of the one that told it. */
  get known(): KnownRoutes {
    const deployments = [...this.#byKey].map(([key, { name, deleted, info }]) => ({
      key,
      name,
      deleted,
      info,
    }));
    return { number: this.#number, deployments };
  }

  deployment(name: string): ServedDeployment | undefined {
    return this.#byName.get(name);
  }

  deployments(): readonly ServedDeployment[] {
    return [...this.#byName.values()];
  }

  routes(): readonly Route[] {
    return this.#routes;
  }

  route(path: string): Route | undefined {
    return this.#routes.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
  }

  traffic(model: string): TrafficRouter | undefined {
    return this.#models.get(model);
  }

  trafficRouters(): readonly TrafficRouter[] {
    return [...this.#traffic.values()];
  }

  async drained(key: string): Promise<void> {
    await this.#byKey.get(key)?.drained();
  }

  restore(key: string, replicaId: string): void {
    this.#byKey.get(key)?.dispatcher.restore(replicaId);
  }

  async busyMs(key: string, replicaId: string): Promise<number | undefined> {
    return this.#byKey.get(key)?.dispatcher.busyMs(replicaId);
  }

  async vacated(key: string, replicaId: string): Promise<void> {
    await this.#byKey.get(key)?.dispatcher.vacated(replicaId);
  }

  load(key: string): GatewayLoad | undefined {
    return this.#byKey.get(key)?.load;
  }

  takeTraffic(): ReadonlyMap<string, TrafficReport> {
    return new Map([...this.#traffic].map(([application, { meter }]) => [application, meter.take()]));
  }

  get heardMs(): number {
    return this.#options.clock.nowMs();
  }

  /** All that a controller which is told from now on missed: replicas that wait for its check; the next report has all. */
  retell(): readonly GatewayEvent[] {
    this.#reported.clear();
    return [...this.#byKey].flatMap(([key, { dispatcher }]) =>
      dispatcher.lost.map((replicaId) => ({ kind: "lost" as const, key, replicaId })),
    );
  }

  /** What the controller is to know now and then, as far as it is new. */
  report(): GatewayEvent {
    const loads: Record<string, GatewayLoad> = {};
    const statistics: Record<string, StatsSnapshot> = {};
    for (const [key, { load, dispatcher }] of this.#byKey) {
      const before = this.#reported.get(key);
      if (before !== undefined && isSameLoad(before, load)) continue;
      this.#reported.set(key, load);
      loads[key] = load;
      statistics[key] = dispatcher.stats.snapshot();
    }
    return { kind: "report", loads, statistics, traffic: Object.fromEntries(this.takeTraffic()) };
  }

  /** What other gateways have counted in all, by key. */
  countedElsewhere(statistics: Readonly<Record<string, StatsSnapshot>>): void {
    for (const [key, counted] of Object.entries(statistics)) this.#byKey.get(key)?.countedElsewhere(counted);
  }

  /** Settles all that was admitted, within what each deployment allows. */
  async close(): Promise<void> {
    await Promise.all([...this.#byKey.values()].map((deployment) => deployment.close()));
  }

  #deploymentOptions(): ConstructorParameters<typeof RoutedDeployment>[1] {
    const { gateways = 1, ...rest } = this.#options;
    return { ...rest, gateways };
  }

  /** Counts go on in the routers that are there. */
  #adoptTraffic(routes: readonly RouteEntry[]): void {
    const next = new Map<string, TrafficRouter>();
    const models = new Map<string, TrafficRouter>();
    for (const { application, traffic } of routes) {
      if (traffic === undefined) continue;
      const known = this.#traffic.get(application);
      known?.adopt(traffic);
      const router = known ?? new TrafficRouter(traffic);
      next.set(application, router);
      if (traffic.model !== null) models.set(traffic.model, router);
    }
    this.#traffic = next;
    this.#models = models;
  }

  #routeOf({ application, prefix, ingress, requestTimeoutMs }: RouteEntry): Route[] {
    const deployment = this.#byName.get(ingress);
    if (deployment === undefined) return [];
    const traffic = this.#traffic.get(application);
    return [
      {
        application,
        prefix,
        ingress: deployment,
        ...(traffic === undefined ? {} : { traffic }),
        ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      },
    ];
  }
}

/** Nothing came and nothing ended. */
function isSameLoad(a: GatewayLoad, b: GatewayLoad): boolean {
  return (
    a.open === b.open &&
    a.queued === b.queued &&
    a.arrivedRequests === b.arrivedRequests &&
    a.endedRequests === b.endedRequests &&
    (a.outliers === b.outliers || isDeepStrictEqual(a.outliers, b.outliers))
  );
}
