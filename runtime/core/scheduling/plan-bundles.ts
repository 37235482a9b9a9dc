// On which nodes the bundles of a placement group go. Pure.
//
// 1. All bundles have a place or none has.

import { type Pool, type Units } from "./pool.ts";
import type { SchedulableNode } from "./pick-node.ts";

export type PlacementStrategy = "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";

/** A node with what is left of it while planning. */
interface Room {
  readonly node: SchedulableNode;
  readonly left: Map<string, number>;
  bundles: number;
}

/**
 * The node of each bundle, in their order; undefined when they do not fit. With `ifIdle` nodes count as idle: then
 * undefined means that they never will. `taken` are nodes that hold bundles of the group already.
 */
export function planBundles(
  nodes: readonly SchedulableNode[],
  bundles: readonly Units[],
  options: {
    readonly strategy: PlacementStrategy;
    readonly ifIdle?: boolean;
    readonly taken?: ReadonlySet<string>;
  },
): SchedulableNode[] | undefined {
  const { strategy, ifIdle = false, taken = new Set() } = options;
  const rooms = nodes.map(
    (node): Room => ({
      node,
      left: new Map(
        [...node.pool.total.keys()].map((resource) => [resource, amount(node.pool, resource, ifIdle)]),
      ),
      bundles: 0,
    }),
  );
  const allowed = rooms.filter(({ node }) =>
    strategy === "STRICT_SPREAD"
      ? !taken.has(node.id)
      : strategy !== "STRICT_PACK" || taken.size === 0 || taken.has(node.id),
  );
  if (strategy === "STRICT_PACK") {
    const room = allowed.find((one) => bundles.every((bundle) => place(one, bundle)));
    return room === undefined ? undefined : bundles.map(() => room.node);
  }
  // The largest first, since they have the fewest places.
  const order = [...bundles.keys()].sort((a, b) => weight(bundles[b]) - weight(bundles[a]));
  const chosen = new Map<number, SchedulableNode>();
  for (const index of order) {
    const bundle = bundles[index] ?? new Map<string, number>();
    const candidates = allowed.filter((room) => strategy !== "STRICT_SPREAD" || room.bundles === 0);
    candidates.sort((a, b) => (strategy === "PACK" ? b.bundles - a.bundles : a.bundles - b.bundles));
    const room = candidates.find((one) => place(one, bundle));
    if (room === undefined) return undefined; // invariant 1
    chosen.set(index, room.node);
  }
  return bundles.flatMap((_, index) => chosen.get(index) ?? []);
}

/** Why bundles have no place now, for people: `bundle 1 needs 4 num_cpus, 2 free of 2`. */
export function describeShortage(
  nodes: readonly SchedulableNode[],
  bundles: readonly Units[],
  strategy: PlacementStrategy,
): string {
  for (const [index, bundle] of bundles.entries()) {
    if (nodes.some(({ pool }) => pool.fits(bundle))) continue;
    const able = nodes.find(({ pool }) => pool.couldFit(bundle)) ?? nodes[0];
    return `bundle ${index} ${able?.pool.shortage(bundle) ?? "has no node that could hold it"}`;
  }
  const where = `${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}`;
  return `its ${bundles.length} bundles do not fit together, ${strategy} on ${where}`;
}

function amount(pool: Pool, resource: string, ifIdle: boolean): number {
  return ifIdle ? (pool.total.get(resource) ?? 0) : pool.free(resource);
}

function place(room: Room, bundle: Units): boolean {
  for (const [resource, needed] of bundle) if (needed > (room.left.get(resource) ?? 0)) return false;
  for (const [resource, needed] of bundle) room.left.set(resource, (room.left.get(resource) ?? 0) - needed);
  room.bundles++;
  return true;
}

function weight(bundle: Units | undefined): number {
  let sum = 0;
  for (const [resource, units] of bundle ?? []) sum += resource === "memory" ? units / 1e5 : units;
  return sum;
}
