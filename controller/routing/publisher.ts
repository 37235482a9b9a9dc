// The route table, and its way to every gateway.
//
// 1. A gateway gets one update at a time and acknowledges it; what changes meanwhile goes with the next.
// 2. `acknowledged` resolves when every gateway routes by what the table says now: only then may a replica that the
//    table no longer lists be told to drain.
// 3. A gateway that is gone holds nothing up.
// 4. Numbers go on from those of the controller before; until the gateways that it had are attached, they count as not
//    having acknowledged anything.

import type { GatewayLoad, GatewayPort } from "./gateway-port.ts";
import type { DeploymentEntry, RouteEntry, RouteUpdate } from "./route-table.ts";

/** One gateway and what it has been told. */
interface Subscriber {
  readonly port: GatewayPort;
  readonly told: Map<string, DeploymentEntry>;
  toldRoutes: readonly RouteEntry[] | undefined;
  /** The last number it acknowledged. */
  acknowledged: number;
  /** An update is on its way. */
  busy: boolean;
  /** Resolves when it acknowledges its first, or is gone. */
  readonly begun: PromiseWithResolvers<void>;
}

interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
}

export interface PublisherOptions {
  /** The last number that a controller before this one may have told of; 0 by default, when there was none. */
  readonly after?: number;
  /** Gateways are yet to be attached, until `attached` is called. Default false. */
  readonly attaching?: boolean;
}

/** More updates than one gateway can be behind another. */
const NEXT_CONTROLLER = 2 ** 20;

export class RoutePublisher {
  #number: number;
  #attaching: boolean;
  #routes: readonly RouteEntry[] = [];
  readonly #deployments = new Map<string, DeploymentEntry>();
  readonly #subscribers = new Map<GatewayPort, Subscriber>();
  #waiters: Waiter[] = [];

  constructor({ after = 0, attaching = false }: PublisherOptions = {}) {
    this.#number = after === 0 ? 0 : after + NEXT_CONTROLLER; // invariant 4
    this.#attaching = attaching;
  }

  /** Counts the changes of the table. */
  get number(): number {
    return this.#number;
  }

  get ports(): readonly GatewayPort[] {
    return [...this.#subscribers.keys()];
  }

  /** Tells the gateway all there is now, and what changes from then on. Resolves when it routes so. */
  async subscribe(port: GatewayPort): Promise<void> {
    const subscriber: Subscriber = {
      port,
      told: new Map(),
      toldRoutes: undefined,
      acknowledged: -1,
      busy: false,
      begun: Promise.withResolvers(),
    };
    this.#subscribers.set(port, subscriber);
    this.#push(subscriber);
    await subscriber.begun.promise;
  }

  /** Invariant 4: those that were to be attached are, or are gone. */
  attached(): void {
    this.#attaching = false;
    this.#resolveWaiters();
  }

  /** It is gone, or about to go. */
  unsubscribe(port: GatewayPort): void {
    this.#subscribers.get(port)?.begun.resolve();
    this.#subscribers.delete(port);
    this.#resolveWaiters(); // invariant 3
  }

  setRoutes(routes: readonly RouteEntry[]): void {
    this.#routes = routes;
    this.#changed();
  }

  setDeployment(entry: DeploymentEntry): void {
    this.#deployments.set(entry.key, entry);
    this.#changed();
  }

  removeDeployment(key: string): void {
    if (this.#deployments.delete(key)) this.#changed();
  }

  /** Invariant 2. */
  acknowledged(): Promise<void> {
    if (this.#acknowledgedByAll() >= this.#number) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ number: this.#number, resolve });
    return promise;
  }

  /** Resolves when every gateway has settled what it admitted for a deployment that drains. */
  async drained(key: string): Promise<void> {
    await this.acknowledged();
    await Promise.allSettled(this.ports.map((port) => port.drained(key))); // invariant 3
  }

  /**
   * Resolves when every gateway knows what the table says now, and has nothing under way at this replica, which it no
   * longer lists as serving.
   */
  async vacated(key: string, replicaId: string): Promise<void> {
    await this.acknowledged();
    await Promise.allSettled(this.ports.map((port) => port.vacated(key, replicaId))); // invariant 3
  }

  restore(key: string, replicaId: string): void {
    for (const port of this.#subscribers.keys()) port.restore(key, replicaId);
  }

  /** Of the oldest batch that any gateway has at the replica. */
  async busyMs(key: string, replicaId: string): Promise<number | undefined> {
    const asked = await Promise.allSettled(this.ports.map((port) => port.busyMs(key, replicaId)));
    const times = asked.flatMap((one) => (one.status === "fulfilled" ? (one.value ?? []) : []));
    return times.length === 0 ? undefined : Math.max(...times);
  }

  /** What each gateway knows of the deployment. */
  loads(key: string): ReadonlyMap<GatewayPort, GatewayLoad> {
    const loads = this.ports.flatMap((port) => {
      const load = port.load(key);
      return load === undefined ? [] : [[port, load] as const];
    });
    return new Map(loads);
  }

  #changed(): void {
    this.#number++;
    for (const subscriber of this.#subscribers.values()) this.#push(subscriber);
  }

  #push(subscriber: Subscriber): void {
    if (subscriber.busy) return; // invariant 1
    const update = this.#updateFor(subscriber);
    const applied = subscriber.port.apply(update);
    if (applied === undefined) {
      this.#onAcknowledged(subscriber, update);
      return;
    }
    subscriber.busy = true;
    applied.then(
      () => {
        subscriber.busy = false;
        if (update.number < this.#number) this.#push(subscriber);
        this.#onAcknowledged(subscriber, update);
      },
      () => this.unsubscribe(subscriber.port),
    );
  }

  #onAcknowledged(subscriber: Subscriber, { number }: RouteUpdate): void {
    subscriber.acknowledged = Math.max(subscriber.acknowledged, number);
    subscriber.begun.resolve();
    this.#resolveWaiters();
  }

  /** What changed since it was last told; it counts as told. */
  #updateFor(subscriber: Subscriber): RouteUpdate {
    const { told } = subscriber;
    const full = subscriber.toldRoutes === undefined;
    const deployments: DeploymentEntry[] = [];
    for (const [key, entry] of this.#deployments) {
      if (told.get(key) === entry) continue;
      told.set(key, entry);
      deployments.push(entry);
    }
    const removed = [...told.keys()].filter((key) => !this.#deployments.has(key));
    for (const key of removed) told.delete(key);
    const routes = subscriber.toldRoutes === this.#routes ? undefined : this.#routes;
    subscriber.toldRoutes = this.#routes;
    return { number: this.#number, full, routes, deployments, removed };
  }

  #acknowledgedByAll(): number {
    if (this.#attaching) return -1; // invariant 4
    let number = this.#number;
    for (const { acknowledged } of this.#subscribers.values()) number = Math.min(number, acknowledged);
    return number;
  }

  #resolveWaiters(): void {
    const number = this.#acknowledgedByAll();
    const due = this.#waiters.filter((waiter) => waiter.number <= number);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.number > number);
    for (const { resolve } of due) resolve();
  }
}
