// One of several gateway processes: the class of an actor. It has a door of its own on a port that all of them share,
// and routes by what the controller told it last, also while nobody tells it anything.

import type {
  GatewayEvent,
  HttpOptions,
  KnownRoutes,
  RouteUpdate,
  StatsSnapshot,
} from "../../controller/index.ts";
import { Routed } from "../../controller/index.ts";
import { systemClock } from "../../runtime/base/index.ts";
import { createLog } from "../../runtime/base/log/index.ts";
import { HttpServer } from "../http/server.ts";
import { EventQueue } from "./event-queue.ts";
import { shareOfLimits } from "./share-of-limits.ts";

/** Plain data: it crosses the process boundary. */
export interface GatewaySpec {
  readonly http: HttpOptions;
  readonly logLevel: string;
  /** How many there are. */
  readonly gateways: number;
}

/** What it is, for a controller that takes the place of the one that began it. */
export interface GatewayState {
  /** Undefined while its door is not open. */
  readonly door: { readonly url: string; readonly port: number } | undefined;
  readonly routes: KnownRoutes;
  /** What processes have counted that are gone, by key. */
  readonly past: Readonly<Record<string, StatsSnapshot>>;
}

/** How often it tells what it counted and what waits, when nothing else happens. */
const REPORT_INTERVAL_MS = 200;

export class GatewayProcess {
  readonly #spec: GatewaySpec;
  readonly #log;
  readonly #events = new EventQueue<GatewayEvent>();
  readonly #routed: Routed;
  #http: HttpServer | undefined;
  #past: GatewayState["past"] = {};

  constructor(spec: GatewaySpec) {
    this.#spec = spec;
    this.#log = createLog({ level: spec.logLevel, fields: { gateway: process.pid } });
    this.#routed = new Routed({
      clock: systemClock,
      log: this.#log,
      gateways: spec.gateways,
      onLost: (key, replicaId) => this.#events.push({ kind: "lost", key, replicaId }),
      onEjected: (key, ejection) => this.#events.push({ kind: "ejected", key, ejection }),
    });
  }

  apply(update: RouteUpdate): void {
    this.#routed.apply(update);
  }

  /** Opens the door; the routes are there before. Port 0 lets the system pick one. */
  async listen(port: number): Promise<{ readonly url: string; readonly port: number }> {
    const http = shareOfLimits({ ...this.#spec.http, port }, this.#spec.gateways);
    this.#http = await HttpServer.start({ http, catalog: this.#routed, log: this.#log, reusePort: true });
    return doorOf(this.#http);
  }

  state(): GatewayState {
    const door = this.#http === undefined ? undefined : doorOf(this.#http);
    return { door, routes: this.#routed.known, past: this.#past };
  }

  async drained(key: string): Promise<void> {
    await this.#routed.drained(key);
  }

  restore(key: string, replicaId: string): void {
    this.#routed.restore(key, replicaId);
  }

  async busyMs(key: string, replicaId: string): Promise<number | undefined> {
    return await this.#routed.busyMs(key, replicaId);
  }

  /** What the other processes have counted in all, by key; and what of it those have that are gone. */
  countedElsewhere(
    statistics: Readonly<Record<string, StatsSnapshot>>,
    past: Readonly<Record<string, StatsSnapshot>>,
  ): void {
    this.#routed.countedElsewhere(statistics);
    this.#past = past;
  }

  async vacated(key: string, replicaId: string): Promise<void> {
    await this.#routed.vacated(key, replicaId);
  }

  /** What the controller is to know, as it happens, and what another may not have heard; until it is asked again. */
  async *events(): AsyncGenerator<GatewayEvent> {
    for (const event of this.#routed.retell()) this.#events.push(event);
    for await (const event of this.#events.read(REPORT_INTERVAL_MS)) yield event ?? this.#routed.report();
  }

  /** New requests are refused from now on. */
  refuse(): void {
    this.#http?.refuse();
  }

  /** Lets the last answers out, at most for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await this.#http?.close(graceMs);
    await this.#routed.close();
  }
}

function doorOf({ url }: HttpServer): NonNullable<GatewayState["door"]> {
  return { url, port: Number(new URL(url).port) };
}
