// What a gateway process is told: plain data, numbered, made by the controller alone.
//
// 1. An entry is never changed: another one takes its place, so what is new is told by identity.
// 2. A deployment's `key` is its own for ever: a namesake that comes after it has another.

import type { ReplicaInfo } from "../../replicas/index.ts";
import type { DeploymentStatus } from "../catalog.ts";
import type { DeploymentConfig } from "../config/index.ts";
import type { TrafficTable } from "../traffic/index.ts";

export interface ReplicaEntry {
  readonly id: string;
  /** Of its data socket. */
  readonly socketPath: string;
  /** `leaving`: it gets no new batch and may finish what it has. One that is no longer listed is cut off. */
  readonly state: "serving" | "leaving";
  /** Whether its engine stops a run when the caller goes away: user code can, a native run cannot. */
  readonly interruptible: boolean;
}

export interface DeploymentEntry {
  /** See invariant 2. */
  readonly key: string;
  /** Also the V2 model name. */
  readonly name: string;
  /** The config in charge. */
  readonly config: DeploymentConfig;
  readonly status: DeploymentStatus;
  /** At least one replica serves, or one may yet: requests may wait. */
  readonly takesRequests: boolean;
  /** What its replicas said of themselves; undefined before the first was ready. */
  readonly info: Omit<ReplicaInfo, "socketPath"> | undefined;
  readonly replicas: readonly ReplicaEntry[];
  /** Set once it takes no more: what was admitted is answered within this time, in milliseconds. */
  readonly drainGraceMs: number | undefined;
  /** No config names it any more: nobody finds it. */
  readonly deleted: boolean;
}

export interface RouteEntry {
  readonly application: string;
  /** Without a slash at its end; empty for `/`. */
  readonly prefix: string;
  /** Name of the deployment that answers; with traffic, of its stable version. */
  readonly ingress: string;
  readonly traffic: TrafficTable | undefined;
  /** Of the route alone, where it has a bound of its own. */
  readonly requestTimeoutMs?: number;
}

/** From one number of the table to a later one. */
export interface RouteUpdate {
  /** Above those of all updates before, also of a controller before this one. */
  readonly number: number;
  /** It has everything: what it does not name is gone. So is the first that a gateway gets of a controller. */
  readonly full: boolean;
  /** All of them, longest prefix first, when they changed. */
  readonly routes: readonly RouteEntry[] | undefined;
  /** Those that are new or changed. */
  readonly deployments: readonly DeploymentEntry[];
  /** Keys of those that are gone. */
  readonly removed: readonly string[];
}
