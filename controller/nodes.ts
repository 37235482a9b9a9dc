// The nodes with the replicas they have, and draining one: what is there is replaced elsewhere, then it stands empty.
//
// 1. First nothing new goes to a node that drains, then what it has is looked up: so nothing is overlooked.
// 2. A replica ends when another has taken its place (`reconcile/`). What finds no room elsewhere serves on where it is.

import { setImmediate as turn } from "node:timers/promises";
import type { NodeRow, Runtime } from "../runtime/core/index.ts";
import type { Deployment } from "./deployment.ts";
import type { ReplicaActor } from "./replica-actor.ts";

export interface NodeView {
  readonly nodeId: string;
  /** DRAINED: it drains, and no replica is left there. */
  readonly state: "ALIVE" | "DRAINING" | "DRAINED";
  readonly resources: Readonly<Record<string, { readonly total: number; readonly free: number }>>;
  /** By id, those with resources there. */
  readonly replicas: readonly {
    readonly replicaId: string;
    readonly deployment: string;
    readonly state: string;
  }[];
  /** While it drains: how the deployments do that still have replicas there, each on its own. */
  readonly messages: readonly string[];
}

type Deployments = readonly Deployment[];

export async function viewNodes(runtime: Runtime, deployments: Deployments): Promise<NodeView[]> {
  const { rows } = await runtime.list("nodes", { limit: ALL });
  const bundles = await bundlesOf(runtime);
  return rows.map((row) => {
    const there = deployments.flatMap((deployment) =>
      replicasOn(row.nodeId, deployment, bundles).map((replica) => ({ deployment, replica })),
    );
    const drains = row.state === "DRAINING";
    const held = drains ? new Set(there.map(({ deployment }) => deployment)) : [];
    return {
      nodeId: row.nodeId,
      state: drains ? (there.length === 0 ? "DRAINED" : "DRAINING") : "ALIVE",
      resources: resourcesOf(row),
      replicas: there.map(({ deployment, replica }) => ({
        replicaId: replica.id,
        deployment: deployment.name,
        state: replica.view.phase.kind,
      })),
      messages: [...held].map(({ name, status }) => `${name}: ${status.message || status.state}`),
    };
  });
}

export async function drainNode(id: string, runtime: Runtime, deployments: Deployments): Promise<void> {
  await runtime.drainNode(id); // invariant 1
  const bundles = await bundlesOf(runtime);
  for (const deployment of deployments) {
    for (const replica of replicasOn(id, deployment, bundles)) replica.replace(reasonOf(id)); // invariant 2
  }
}

/** For a controller that takes the place of another: nodes that drain, drain on. */
export async function drainOn(runtime: Runtime, deployments: () => Deployments): Promise<void> {
  const { rows } = await runtime.list("nodes", { limit: ALL });
  for (const { nodeId, state } of rows) {
    if (state === "DRAINING") await drainNode(nodeId, runtime, deployments());
  }
}

export async function undrainNode(id: string, runtime: Runtime, deployments: Deployments): Promise<void> {
  for (const replica of deployments.flatMap(({ replicas }) => replicas)) replica.keep(reasonOf(id));
  await turn(); // those that were to take their places are given up before there is room for them
  await runtime.undrainNode(id);
}

const ALL = Number.MAX_SAFE_INTEGER;

function reasonOf(nodeId: string): string {
  return `its node "${nodeId}" drains`;
}

/** The nodes of each replica's placement group, by the replica's id. */
async function bundlesOf(runtime: Runtime): Promise<ReadonlyMap<string, readonly (string | null)[]>> {
  const { rows } = await runtime.list("placement-groups", { limit: ALL });
  return new Map(rows.map(({ name, bundles }) => [name ?? "", bundles.map(({ nodeId }) => nodeId)]));
}

function replicasOn(
  nodeId: string,
  { replicas }: Deployment,
  bundles: ReadonlyMap<string, readonly (string | null)[]>,
): ReplicaActor[] {
  return replicas.filter(
    (replica) => replica.nodeId === nodeId || bundles.get(replica.id)?.includes(nodeId) === true,
  );
}

function resourcesOf({ resourcesTotal, resourcesFree }: NodeRow): NodeView["resources"] {
  return Object.fromEntries(
    Object.entries(resourcesTotal).map(([resource, total]) => [
      resource,
      { total, free: resourcesFree[resource] ?? 0 },
    ]),
  );
}
