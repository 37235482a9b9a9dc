// Where the process of a replica may be, beside its resources: in a placement group of its own, or so many to a node.

import type { ActorOptions, PlacementGroup, Runtime } from "../runtime/core/index.ts";
import type { DeploymentConfig } from "./config/index.ts";
import { REPLICAS } from "./ground.ts";

export interface ReplicaPlace {
  /** Made for this replica, and its owner's to remove. */
  readonly group: PlacementGroup | undefined;
  readonly options: Pick<ActorOptions, "maxPerNode" | "schedulingStrategy">;
}

export async function placeOf(
  { name, maxReplicasPerNode, placementGroup }: DeploymentConfig,
  { id, runtime }: { readonly id: string; readonly runtime: Runtime },
): Promise<ReplicaPlace> {
  if (placementGroup === undefined) {
    const options =
      maxReplicasPerNode === undefined ? {} : { maxPerNode: { group: name, most: maxReplicasPerNode } };
    return { group: undefined, options };
  }
  const bundles = placementGroup.bundles.map(({ custom, ...bundle }) => ({ ...bundle, resources: custom }));
  const { strategy } = placementGroup;
  const group = await runtime.createPlacementGroup({
    bundles,
    strategy,
    name: id,
    namespace: REPLICAS,
    lifetime: "detached",
  });
  return { group, options: { schedulingStrategy: { placementGroup: group, bundleIndex: 0 } } };
}
