// The controller's side of one gateway process: in this process, or across a channel.

import type { TrafficReport } from "../traffic/index.ts";
import type { RouteUpdate } from "./route-table.ts";

/** What a gateway has of one deployment. */
export interface GatewayLoad {
  /** Requests waiting. */
  readonly queued: number;
  /** Requests admitted and not settled. */
  readonly open: number;
}

/** By key; of those that have open requests. */
export type DeploymentLoads = Readonly<Record<string, GatewayLoad>>;

/** What a gateway in another process tells, as plain data. */
export type GatewayEvent =
  /** A replica of the deployment with this key lost a batch. */
  | { readonly kind: "lost"; readonly key: string; readonly replicaId: string }
  /** Traffic: what was counted since the last report, by application. */
  | {
      readonly kind: "report";
      readonly loads: DeploymentLoads;
      readonly traffic: Readonly<Record<string, TrafficReport>>;
    };

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
  /** As far as it is known here; undefined for a deployment that it does not have. */
  load(key: string): GatewayLoad | undefined;
  /** What it counted, by application, since this was last asked, as far as it is known here. */
  takeTraffic(): ReadonlyMap<string, TrafficReport>;
}
