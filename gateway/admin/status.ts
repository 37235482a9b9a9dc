// The state of all that is served, in the shape of Ray Serve's REST API.

import { type Controller, type Deploys, objectiveFault, type OutlierCount } from "../../controller/index.ts";
import { type ReleaseView, releaseView } from "./deploy-view.ts";
import { type TrafficView, trafficView } from "./traffic-view.ts";

type ControllerDeployment = ReturnType<Controller["deployments"]>[number];

export interface DeploymentStatusView {
  readonly name: string;
  readonly status: string;
  readonly status_trigger: string;
  readonly message: string;
  readonly target_num_replicas: number;
  /** What is wrong with how load decides the number of replicas; null when nothing is, or load does not decide. */
  readonly scaling_fault: string | null;
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
    readonly node_id?: string;
    /** Times that a gateway stopped sending it requests because its results were bad, and whether one does so now. */
    readonly ejections?: number;
    readonly ejected?: boolean;
  }[];
}

export interface ApplicationStatusView {
  readonly name: string;
  readonly route_prefix: string;
  readonly status: string;
  readonly message: string;
  /** The one that is wanted; null when the store has it and it cannot be read. */
  readonly release: ReleaseView | null;
  readonly deployments: Readonly<Record<string, DeploymentStatusView>>;
  /** Absent when the ingress answers every request. */
  readonly traffic?: TrafficView;
}

export interface ServerIdentity {
  /** Of the process that runs the server. */
  readonly pid: number;
  /** Where the controller is a process of its own: which, and how many came before it. */
  readonly controller?: { readonly pid: number; readonly restarts: number };
}

export interface ServeStatusView extends ServerIdentity {
  readonly applications: Readonly<Record<string, ApplicationStatusView>>;
  readonly resources: Readonly<Record<string, { readonly total: number; readonly free: number }>>;
}

export async function serveStatus(
  controller: Controller,
  deploys: Deploys,
  identity: ServerIdentity,
): Promise<ServeStatusView> {
  const { releases } = deploys;
  const applications = controller.config.applications.map((application) => {
    const { name, routePrefix, deployments } = application;
    const views = deployments.flatMap((config) => {
      const deployment = controller.deployment(config.name);
      if (deployment === undefined) return [];
      const fault =
        controller.scalingStatus(config.name)?.fault ?? objectiveFault(config, deployment.loads.values());
      return [deploymentView(deployment, fault)];
    });
    const { state, message } = controller.applicationStatus(application);
    const release = releases.get(name);
    const traffic = controller.trafficStatus(name);
    const view: ApplicationStatusView = {
      name,
      route_prefix: routePrefix,
      status: state,
      message,
      release: release === undefined ? null : releaseView(release),
      deployments: Object.fromEntries(views.map((deployment) => [deployment.name, deployment])),
      ...(traffic === undefined ? {} : { traffic: trafficView(traffic) }),
    };
    return [name, view] as const;
  });
  return {
    ...identity,
    applications: Object.fromEntries([...applications, ...unreadable(deploys)]),
    resources: await controller.resources(),
  };
}

/** Of one replica, as each gateway tells it. */
function outlierView(counts: readonly OutlierCount[]) {
  if (counts.length === 0) return {};
  return {
    ejections: Math.max(...counts.map(({ times }) => times)),
    ejected: counts.some(({ ejected }) => ejected),
  };
}

/** What the store has and this server cannot serve. */
function unreadable(deploys: Deploys): [string, ApplicationStatusView][] {
  return [...deploys.unreadable].map(([name, why]) => [
    name,
    { name, route_prefix: "", status: "DEPLOY_FAILED", message: why, release: null, deployments: {} },
  ]);
}

function deploymentView(
  deployment: ControllerDeployment,
  scalingFault: string | undefined,
): DeploymentStatusView {
  const { name, status, planned, desired, queued, open, replicas, loads } = deployment;
  const outliers = [...loads.values()].flatMap((load) => load.outliers ?? []);
  return {
    name,
    status: status.state,
    status_trigger: planned?.trigger ?? "CONFIG_UPDATE_STARTED",
    message: status.message,
    target_num_replicas: desired.numReplicas,
    scaling_fault: scalingFault ?? null,
    queued_requests: queued,
    open_requests: open,
    versions: { serving: planned?.versions.serving ?? null, wanted: planned?.versions.wanted ?? null },
    log_lines: planned?.failure?.logLines ?? [],
    replicas: replicas.map(({ id, view, pid, nodeId }) => ({
      replica_id: id,
      state: view.phase.kind,
      ...(pid === undefined ? {} : { pid }),
      ...(nodeId === undefined ? {} : { node_id: nodeId }),
      ...outlierView(outliers.filter(({ replicaId }) => replicaId === id)),
    })),
  };
}
