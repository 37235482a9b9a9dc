// A gateway process as the controller has it: calls across its channel, and what it told last.

import type {
  Controller,
  GatewayEvent,
  GatewayLoad,
  GatewayPort,
  RouteUpdate,
  StatsSnapshot,
  TrafficReport,
} from "../../controller/index.ts";
import { addReports } from "../../controller/index.ts";
import type { Clock } from "../../runtime/base/index.ts";
import type { ActorHandle, Runtime } from "../../runtime/core/index.ts";
import type { GatewayModule } from "./module.ts";

export type GatewayHandle = ActorHandle<GatewayModule["GatewayProcess"]>;

/** Who is told of replicas, by the key of their deployment: the controller. */
export type ReplicaEvents = Pick<Controller, "onLost" | "onEjected">;

export class RemotePort implements GatewayPort {
  readonly #runtime: Runtime;
  readonly #handle: GatewayHandle;
  readonly #loads = new Map<string, GatewayLoad>();
  readonly #statistics = new Map<string, StatsSnapshot>();
  readonly #clock: Clock;
  #traffic = new Map<string, TrafficReport>();
  #heardMs: number;

  constructor(
    handle: GatewayHandle,
    { runtime, clock }: { readonly runtime: Runtime; readonly clock: Clock },
  ) {
    this.#handle = handle;
    this.#runtime = runtime;
    this.#clock = clock;
    this.#heardMs = clock.nowMs();
  }

  get heardMs(): number {
    return this.#heardMs;
  }

  /** Since it last told anything; it does several times a second. */
  get silentMs(): number {
    return this.#clock.nowMs() - this.#heardMs;
  }

  apply(update: RouteUpdate): Promise<void> {
    for (const key of update.removed) {
      this.#loads.delete(key);
      this.#statistics.delete(key);
    }
    return this.#runtime.get(this.#handle.apply(update));
  }

  drained(key: string): Promise<void> {
    return this.#runtime.get(this.#handle.drained(key));
  }

  restore(key: string, replicaId: string): void {
    this.#handle.restore(key, replicaId);
  }

  busyMs(key: string, replicaId: string): Promise<number | undefined> {
    return this.#runtime.get(this.#handle.busyMs(key, replicaId));
  }

  vacated(key: string, replicaId: string): Promise<void> {
    return this.#runtime.get(this.#handle.vacated(key, replicaId));
  }

  load(key: string): GatewayLoad | undefined {
    return this.#loads.get(key);
  }

  takeTraffic(): ReadonlyMap<string, TrafficReport> {
    const taken = this.#traffic;
    this.#traffic = new Map();
    return taken;
  }

  /** What it has counted, by key, as last heard. */
  get statistics(): ReadonlyMap<string, StatsSnapshot> {
    return this.#statistics;
  }

  countedElsewhere(
    statistics: Readonly<Record<string, StatsSnapshot>>,
    past: Readonly<Record<string, StatsSnapshot>>,
  ): void {
    this.#handle.countedElsewhere(statistics, past);
  }

  /** Hears what the process tells until it is gone. Never rejects. */
  async listen(told: ReplicaEvents): Promise<void> {
    try {
      for await (const event of this.#handle.events()) this.#hear(event, told);
    } catch {
      // Whoever watches the actor is told of its end.
    }
  }

  #hear(event: GatewayEvent, told: ReplicaEvents): void {
    this.#heardMs = this.#clock.nowMs();
    if (event.kind === "lost") {
      told.onLost(event.key, event.replicaId);
      return;
    }
    if (event.kind === "ejected") {
      told.onEjected(event.key, event.ejection);
      return;
    }
    for (const [key, load] of Object.entries(event.loads)) this.#loads.set(key, load);
    for (const [key, counted] of Object.entries(event.statistics)) this.#statistics.set(key, counted);
    for (const [application, report] of Object.entries(event.traffic)) {
      const before = this.#traffic.get(application);
      this.#traffic.set(application, before === undefined ? report : addReports(before, report));
    }
  }
}
