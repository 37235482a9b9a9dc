// The nodes, with the replicas that each has, and draining one: `POST …/drain` begins it, `DELETE …/drain` takes it back.
//
// 1. The answer to either is how the node stands then; how far a drain is, `GET` tells.

import { Type } from "typebox";
import { Check } from "typebox/value";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Controller, Deploys, NodeView } from "../../controller/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";

export interface NodeStatusView {
  readonly node_id: string;
  /** DRAINED: it drains, and no replica is left there. */
  readonly state: "ALIVE" | "DRAINING" | "DRAINED";
  readonly resources: Readonly<Record<string, { readonly total: number; readonly free: number }>>;
  readonly replicas: readonly {
    readonly replica_id: string;
    readonly deployment: string;
    readonly state: string;
  }[];
  /** While it drains: how the deployments do that still have replicas there, such as what they wait for. */
  readonly messages: readonly string[];
}

export interface NodesView {
  readonly nodes: readonly NodeStatusView[];
}

const NODES = "/api/serve/nodes";
const DRAIN = `${NODES}/:node/drain`;

export function nodeRoutes(app: FastifyInstance, controller: Controller, { drains }: Deploys): void {
  app.get(NODES, async (): Promise<NodesView> => ({ nodes: (await controller.nodes()).map(viewOf) }));
  app.post(DRAIN, async (request): Promise<NodeStatusView> => {
    const node = nodeOf(request);
    await drains.drain(node);
    return await one(controller, node); // invariant 1
  });
  app.delete(DRAIN, async (request): Promise<NodeStatusView> => {
    const node = nodeOf(request);
    await drains.undrain(node);
    return await one(controller, node);
  });
}

const Parameters = Type.Object({ node: Type.String() });

function nodeOf({ params }: FastifyRequest): string {
  return Check(Parameters, params) ? params.node.slice(0, 128) : "";
}

async function one(controller: Controller, node: string): Promise<NodeStatusView> {
  const found = (await controller.nodes()).find(({ nodeId }) => nodeId === node);
  if (found !== undefined) return viewOf(found);
  throw new ShoalError("NOT_FOUND", `Cannot find a node "${node}": it is gone`, { verbatim: true });
}

function viewOf({ nodeId, state, resources, replicas, messages }: NodeView): NodeStatusView {
  return {
    node_id: nodeId,
    state,
    resources,
    replicas: replicas.map((replica) => ({
      replica_id: replica.replicaId,
      deployment: replica.deployment,
      state: replica.state,
    })),
    messages,
  };
}
