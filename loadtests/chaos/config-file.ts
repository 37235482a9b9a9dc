// Configs as the scenarios write them, and what of the server's status they read.

import { join } from "node:path";

export interface DeploymentFile {
  readonly name: string;
  readonly [key: string]: unknown;
}

export interface ApplicationFile {
  readonly name: string;
  readonly route_prefix: string;
  readonly deployments: readonly DeploymentFile[];
  readonly traffic?: object;
}

export interface ConfigFile {
  readonly applications: readonly ApplicationFile[];
  readonly http_options?: object;
}

export interface ReplicaView {
  readonly replica_id: string;
  readonly state: string;
  readonly pid?: number;
}

export interface DeploymentView {
  readonly status: string;
  readonly status_trigger: string;
  readonly message: string;
  readonly target_num_replicas: number;
  readonly log_lines: readonly string[];
  readonly replicas: readonly ReplicaView[];
}

export interface TrafficVersionView {
  readonly deployment: string;
  /** Percent. */
  readonly share: number;
  readonly requests: { readonly answered: number };
}

export interface StatusView {
  /** Where it is a process of its own. */
  readonly controller?: { readonly pid: number; readonly restarts: number };
  readonly applications: Readonly<
    Record<
      string,
      {
        readonly deployments: Readonly<Record<string, DeploymentView>>;
        readonly traffic?: { readonly versions: readonly TrafficVersionView[] };
      }
    >
  >;
}

export const ECHO_MODULE = `${join(import.meta.dirname, "models/echo.ts")}:Echo`;
export const BROKEN_MODULE = `${join(import.meta.dirname, "models/broken.ts")}:Echo`;

/**
 * A deployment of the module, small enough that many fit, with room for many requests: what is shown is trouble, not
 * overload, also when the machine is slow. `settings` are keys of a deployment.
 */
export function echo(settings: Readonly<Record<string, unknown>> = {}): DeploymentFile {
  const common = { resources: { num_cpus: 0.1 }, max_ongoing_requests: 50 };
  return { name: "echo", module: ECHO_MODULE, ...common, ...settings };
}

/** One application a deployment, with its name as its route. */
export function configOf(...deployments: readonly DeploymentFile[]): ConfigFile {
  return {
    applications: deployments.map((deployment) => ({
      name: deployment.name,
      route_prefix: `/${deployment.name}`,
      deployments: [deployment],
    })),
  };
}

/** Throws when the server does not know it. */
export function deploymentIn(status: StatusView, name: string): DeploymentView {
  for (const { deployments } of Object.values(status.applications)) {
    const found = deployments[name];
    if (found !== undefined) return found;
  }
  throw new Error(`Cannot find deployment "${name}" in the status`);
}

export function runningPids(status: StatusView, name: string): readonly number[] {
  const { replicas } = deploymentIn(status, name);
  return replicas.flatMap(({ state, pid }) => (state === "RUNNING" && pid !== undefined ? [pid] : []));
}

export function isHealthy(status: StatusView, name: string): boolean {
  return deploymentIn(status, name).status === "HEALTHY";
}
