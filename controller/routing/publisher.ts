// The route table, and its way to every gateway.
//
// 1. A gateway gets one update at a time and acknowledges it; what changes meanwhile goes with the next.
// 2. `acknowledged` resolves when every gateway routes by what the table says now: only then may a replica that the
//    table no longer lists be told to drain.
// 3. A gateway that is gone holds nothing up.

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
}

interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
}

export class RoutePublisher {
  #number = 0;
  #routes: readonly RouteEntry[] = [];
  readonly #deployments = new Map<string, DeploymentEntry>();
  readonly #subscribers = new Map<GatewayPort, Subscriber>();
  #waiters: Waiter[] = [];

  /** Counts the changes of the table. */
  get number(): number {
    return this.#number;
  }

  get ports(): readonly GatewayPort[] {
    return [...this.#subscribers.keys()];
  }

  /** Tells the gateway all there is now, and what changes from then on. Resolves when it routes so. */
  async subscribe(port: GatewayPort): Promise<void> {
    const subscriber = { port, told: new Map(), toldRoutes: undefined, acknowledged: -1, busy: false };
    this.#subscribers.set(port, subscriber);
    this.#push(subscriber);
    await this.acknowledged();
  }

  /** It is gone, or about to go. */
  unsubscribe(port: GatewayPort): void {
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
      subscriber.acknowledged = update.number;
      this.#resolveWaiters();
      return;
    }
    subscriber.busy = true;
    applied.then(
      () => {
        subscriber.busy = false;
        subscriber.acknowledged = update.number;
        if (update.number < this.#number) this.#push(subscriber);
        this.#resolveWaiters();
      },
      () => this.unsubscribe(subscriber.port),
    );
  }

  /** What changed since it was last told; it counts as told. */
  #updateFor(subscriber: Subscriber): RouteUpdate {
    const { told } = subscriber;
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
    return { number: this.#number, routes, deployments, removed };
  }

  #acknowledgedByAll(): number {
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
