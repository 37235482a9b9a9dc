// What the gateway may know of what is served: names, signatures, routes and the queue to put requests into.

import type { Signature } from "../runtime/engines/index.ts";
import type { Dispatcher, StatsSnapshot } from "./dispatch/index.ts";
import type { DeploymentState } from "./reconcile/index.ts";
import type { TrafficRouter } from "./traffic/index.ts";

export interface DeploymentStatus {
  readonly state: DeploymentState;
  /** Why; empty when healthy. For people, and free of internals. */
  readonly message: string;
}

export interface ServedDeployment {
  /** Also the V2 model name. */
  readonly name: string;
  /** The one V2 version there is of it. */
  readonly version: string;
  readonly status: DeploymentStatus;
  /** At least one replica can take requests, or a request would start one. */
  readonly ready: boolean;
  /** One can, or may yet; when false, requests are refused at once. */
  readonly takesRequests: boolean;
  /** Undefined until a replica has loaded the model. */
  readonly signature: Signature | undefined;
  /** Whether it takes tensors, and whole web requests; both false until a replica has loaded. */
  readonly takes: { readonly infer: boolean; readonly fetch: boolean };
  readonly dispatcher: Dispatcher;
  /** What was counted, at all gateways. */
  readonly statistics: StatsSnapshot;
  /**
   * For a deployment that was scaled to none before anything was known of it: resolves when a replica has loaded it.
   * Undefined when there is nothing to wait for, or that is the client's to do.
   */
  whenLoaded(timeoutMs: number, signal: AbortSignal): Promise<void> | undefined;
  readonly requestTimeoutMs: number;
}

export interface Route {
  readonly application: string;
  /** Without a slash at its end; empty for `/`. */
  readonly prefix: string;
  /** The deployment that answers; with traffic, the stable version of it. */
  readonly ingress: ServedDeployment;
  /** Absent when the ingress answers every request. */
  readonly traffic?: TrafficRouter;
  /** Longest a request to this route may take; absent when only the deployment's own bound counts. */
  readonly requestTimeoutMs?: number;
}

export interface Catalog {
  deployment(name: string): ServedDeployment | undefined;
  deployments(): readonly ServedDeployment[];
  routes(): readonly Route[];
  /** The route with the longest prefix of a path. */
  route(path: string): Route | undefined;
  /** The versions that answer under one V2 model name together; undefined when no traffic has that name. */
  traffic(model: string): TrafficRouter | undefined;
  /** Of every application that has traffic. */
  trafficRouters(): readonly TrafficRouter[];
}
