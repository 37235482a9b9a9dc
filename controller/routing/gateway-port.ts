// The controller's side of one gateway process: in this process, or across a channel.

import type { Ejection, OutlierCount, StatsSnapshot } from "../dispatch/index.ts";
import type { TrafficReport } from "../traffic/index.ts";
import type { DeploymentEntry, RouteUpdate } from "./route-table.ts";
import type { ServiceLine } from "./service-line.ts";

/** What a gateway knows of one deployment. */
export interface GatewayLoad {
  /** Requests waiting, and their rows. */
  readonly queued: number;
  readonly queuedRows: number;
  /** Requests admitted and not settled. */
  readonly open: number;
  /** Since the gateway began: requests that arrived, refused ones too, and their rows. */
  readonly arrivedRequests: number;
  readonly arrivedRows: number;
  /** Those that ended, and those of them that more replicas would have answered in time. */
  readonly endedRequests: number;
  readonly missedRequests: number;
  /** How long its batches took; undefined before the first. */
  readonly service: ServiceLine | undefined;
  /** Replicas that it has ejected, now or not long ago; absent when there are none. */
  readonly outliers?: readonly OutlierCount[];
}

/** By key. */
export type DeploymentLoads = Readonly<Record<string, GatewayLoad>>;

/** What a gateway in another process tells, as plain data. */
export type GatewayEvent =
  /** A replica of the deployment with this key lost a batch. */
  | { readonly kind: "lost"; readonly key: string; readonly replicaId: string }
  /** It sends a replica of the deployment with this key nothing for a while. */
  | { readonly kind: "ejected"; readonly key: string; readonly ejection: Ejection }
  /** Now and then. Traffic: what was counted since the last report, by application. */
  | {
      readonly kind: "report";
      /** Of the deployments where anything has changed since the last report. */
      readonly loads: DeploymentLoads;
      /** Of the same deployments, since the gateway began. */
      readonly statistics: Readonly<Record<string, StatsSnapshot>>;
      readonly traffic: Readonly<Record<string, TrafficReport>>;
    };

/** What a gateway routes by, for a controller that takes the place of another. */
export interface KnownRoutes {
  /** Of the last update. */
  readonly number: number;
  readonly deployments: readonly Pick<DeploymentEntry, "key" | "name" | "deleted" | "info">[];
}

export interface GatewayPort {
  /**
   * Routes by the update from now on. Undefined: it does already. A promise resolves when it does, and rejects when the
   * gateway is gone.
   */
  apply(update: RouteUpdate): Promise<void> | undefined;
  /** Resolves when all that it admitted for a deployment that drains is settled. Rejects when the gateway is gone. */
  drained(key: string): Promise<void>;
  /** The replica answered a check: it gets batches again. */
  restore(key: string, replicaId: string): void;
  /** Milliseconds since the oldest batch that it has at a replica was sent; undefined when there is none. */
  busyMs(key: string, replicaId: string): Promise<number | undefined>;
  /** Resolves when nothing that it sent to a replica that leaves is under way. Rejects when the gateway is gone. */
  vacated(key: string, replicaId: string): Promise<void>;
  /** As of `heardMs`; undefined for a deployment that it does not have. */
  load(key: string): GatewayLoad | undefined;
  /** When what is known here was so, by the controller's clock. */
  readonly heardMs: number;
  /** What it counted, by application, since this was last asked, as far as it is known here. */
  takeTraffic(): ReadonlyMap<string, TrafficReport>;
}
