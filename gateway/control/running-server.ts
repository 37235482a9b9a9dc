// A server as whoever runs it has it, wherever its controller is: in this process, or in one of its own.

import type { Asked, DeployOutcome, DeployRequest, DeploymentConfig } from "../../controller/index.ts";

/** A deployment's state, as it changes. */
export interface StatusChange {
  readonly name: string;
  readonly state: string;
  readonly message: string;
  /** How long its model took to load; absent before the first was. */
  readonly loadMs?: number;
}

/** What is served. Plain data. */
export interface Overview {
  readonly applications: readonly {
    readonly routePrefix: string;
    readonly ingress: string;
    readonly ready: boolean;
  }[];
  readonly deployments: readonly { readonly source: DeploymentConfig["source"]; readonly ready: boolean }[];
}

export interface RunningServer extends AsyncDisposable {
  /** Of the door, and of the admin listener. */
  readonly url: string;
  readonly adminUrl: string;
  /** Where KEDA may ask; undefined when it may not. */
  readonly kedaAddress: string | undefined;
  readonly adminToken: string;
  /** The controller, with the admin listener, is a process of its own: it may be away for a moment. */
  readonly controllerApart: boolean;
  /** Resolves when every deployment is ready, waits for resources, or has failed. */
  readonly deployed: Promise<void>;
  overview(): Promise<Overview>;
  deploy(request: DeployRequest): Promise<DeployOutcome>;
  refresh(asked: Asked): Promise<DeployOutcome>;
  /** Refuses new requests, answers what was admitted, ends all. The same promise every time. */
  drain(): Promise<void>;
}
