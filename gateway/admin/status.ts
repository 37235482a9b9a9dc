// The state of all that is served, in the shape of Ray Serve's REST API.

import type { Controller } from "../../controller/index.ts";

type ControllerDeployment = ReturnType<Controller["deployments"]>[number];

export interface DeploymentStatusView {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly target_num_replicas: number;
  readonly queued_requests: number;
  /** Admitted and not yet answered, those in the queue included. */
  readonly open_requests: number;
  readonly replicas: readonly {
    readonly replica_id: string;
    readonly state: string;
    readonly pid?: number;
  }[];
}

export interface ApplicationStatusView {
  readonly name: string;
  readonly route_prefix: string;
  readonly status: "RUNNING" | "DEPLOYING" | "DEPLOY_FAILED" | "UNHEALTHY";
  readonly deployments: Readonly<Record<string, DeploymentStatusView>>;
}

export interface ServeStatusView {
  readonly pid: number;
  readonly applications: Readonly<Record<string, ApplicationStatusView>>;
  readonly resources: Readonly<Record<string, { readonly total: number; readonly free: number }>>;
}

export async function serveStatus(controller: Controller): Promise<ServeStatusView> {
  const applications = controller.config.applications.map(({ name, routePrefix, deployments }) => {
    const views = deployments.flatMap((config) => {
      const deployment = controller.deployment(config.name);
      return deployment === undefined ? [] : [deploymentView(deployment)];
    });
    const view: ApplicationStatusView = {
      name,
      route_prefix: routePrefix,
      status: applicationStatus(views.map(({ status }) => status)),
      deployments: Object.fromEntries(views.map((deployment) => [deployment.name, deployment])),
    };
    return [name, view] as const;
  });
  return {
    pid: process.pid,
    applications: Object.fromEntries(applications),
    resources: await controller.resources(),
  };
}

function deploymentView({
  name,
  status,
  config,
  dispatcher,
  replicas,
}: ControllerDeployment): DeploymentStatusView {
  return {
    name,
    status: status.state,
    message: status.message,
    target_num_replicas: config.numReplicas,
    queued_requests: dispatcher.queued,
    open_requests: dispatcher.open,
    replicas: replicas.map(({ id, state }) => ({
      replica_id: id,
      state: state.kind,
      ...(state.kind === "RUNNING" ? { pid: state.pid } : {}),
    })),
  };
}

/** The worst of its deployments, in Ray's words. */
export function applicationStatus(deployments: readonly string[]): ApplicationStatusView["status"] {
  if (deployments.includes("DEPLOY_FAILED")) return "DEPLOY_FAILED";
  if (deployments.includes("UNHEALTHY")) return "UNHEALTHY";
  return deployments.includes("UPDATING") ? "DEPLOYING" : "RUNNING";
}
