// The state of all that is served, in the shape of Ray Serve's REST API.

import type { Controller } from "../../controller/index.ts";

type ControllerDeployment = ReturnType<Controller["deployments"]>[number];

export interface DeploymentStatusView {
  readonly name: string;
  readonly status: string;
  readonly status_trigger: string;
  readonly message: string;
  readonly target_num_replicas: number;
  readonly queued_requests: number;
  /** Admitted and not yet answered, those in the queue included. */
  readonly open_requests: number;
  /** Of what serves and of what is wanted: two during a rollout, and after one that was rolled back. */
  readonly versions: { readonly serving: string | null; readonly wanted: string | null };
  /** The last lines that the replica logged of which `message` tells. */
  readonly log_lines: readonly string[];
  readonly replicas: readonly {
    readonly replica_id: string;
    readonly state: string;
    readonly pid?: number;
  }[];
}

export interface ApplicationStatusView {
  readonly name: string;
  readonly route_prefix: string;
  readonly status: string;
  readonly message: string;
  readonly deployments: Readonly<Record<string, DeploymentStatusView>>;
}

export interface ServeStatusView {
  readonly pid: number;
  readonly applications: Readonly<Record<string, ApplicationStatusView>>;
  readonly resources: Readonly<Record<string, { readonly total: number; readonly free: number }>>;
}

export async function serveStatus(controller: Controller): Promise<ServeStatusView> {
  const applications = controller.config.applications.map((application) => {
    const { name, routePrefix, deployments } = application;
    const views = deployments.flatMap((config) => {
      const deployment = controller.deployment(config.name);
      return deployment === undefined ? [] : [deploymentView(deployment)];
    });
    const { state, message } = controller.applicationStatus(application);
    const view: ApplicationStatusView = {
      name,
      route_prefix: routePrefix,
      status: state,
      message,
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
  planned,
  desired,
  dispatcher,
  replicas,
}: ControllerDeployment): DeploymentStatusView {
  return {
    name,
    status: status.state,
    status_trigger: planned?.trigger ?? "CONFIG_UPDATE_STARTED",
    message: status.message,
    target_num_replicas: desired.numReplicas,
    queued_requests: dispatcher.queued,
    open_requests: dispatcher.open,
    versions: { serving: planned?.versions.serving ?? null, wanted: planned?.versions.wanted ?? null },
    log_lines: planned?.failure?.logLines ?? [],
    replicas: replicas.map(({ id, view, pid }) => ({
      replica_id: id,
      state: view.phase.kind,
      ...(pid === undefined ? {} : { pid }),
    })),
  };
}
