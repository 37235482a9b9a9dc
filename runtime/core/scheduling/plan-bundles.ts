// On which nodes the bundles of a placement group go. Pure.
//
// 1. All bundles have a place or none has.
// 2. `none` is certain; whoever looks no further than its steps says `unknown`.

import { type Pool, type Units } from "./pool.ts";
import type { SchedulableNode } from "./pick-node.ts";

export type PlacementStrategy = "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";

/** `nodes` has the node of each bundle, in their order. */
export type BundlePlan =
  | { readonly kind: "placed"; readonly nodes: readonly SchedulableNode[] }
  | { readonly kind: "none" | "unknown" };

export interface PlanOptions {
  readonly strategy: PlacementStrategy;
  /** Nodes count as idle: then `none` means that the bundles never fit; false by default. */
  readonly ifIdle?: boolean;
  /** Nodes that hold bundles of the group already. */
  readonly taken?: ReadonlySet<string>;
  /** How many places are tried when each bundle in the first that fits does not do; 200 by default. */
  readonly steps?: number;
}

/** A node with what is left of it while planning. */
interface Room {
  readonly node: SchedulableNode;
  readonly left: Map<string, number>;
  bundles: number;
}

const STEPS = 200;
/** More are not searched for: their first places are all they get. */
const MOST_SEARCHED = 64;

export function planBundles(
  nodes: readonly SchedulableNode[],
  bundles: readonly Units[],
  { strategy, ifIdle = false, taken = new Set(), steps = STEPS }: PlanOptions,
): BundlePlan {
  const rooms = nodes
    .filter(({ id }) => isOpen(id, strategy, taken))
    .map((node): Room => ({ node, left: leftOf(node.pool, ifIdle), bundles: 0 }));
  if (strategy === "STRICT_PACK") {
    const room = rooms.find((one) => bundles.every((bundle) => place(one, bundle)));
    return room === undefined ? NONE : { kind: "placed", nodes: bundles.map(() => room.node) };
  }
  if (bundles.some((bundle) => !rooms.some((room) => fits(room, bundle)))) return NONE;
  return search({ rooms, bundles, strategy, steps: bundles.length > MOST_SEARCHED ? 0 : steps });
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

const NONE: BundlePlan = { kind: "none" };

/** The largest bundle first, since it has the fewest places, each in the first that fits; then other places. */
function search({
  rooms,
  bundles,
  strategy,
  steps,
}: {
  readonly rooms: readonly Room[];
  readonly bundles: readonly Units[];
  readonly strategy: PlacementStrategy;
  readonly steps: number;
}): BundlePlan {
  const order = [...bundles.keys()].sort((a, b) => weight(bundles[b]) - weight(bundles[a]));
  const chosen: Room[] = [];
  let stepsLeft = steps;
  /** How many candidates of each bundle that has a place were tried before. */
  const tried: number[] = [];
  let from = 0;
  while (chosen.length < order.length) {
    const bundle = bundles[order[chosen.length] ?? 0] ?? new Map<string, number>();
    const candidates = candidatesOf(rooms, strategy);
    const at = candidates.findIndex((room, index) => index >= from && place(room, bundle));
    const room = candidates[at];
    if (room !== undefined) {
      chosen.push(room);
      tried.push(at);
      from = 0;
      continue;
    }
    const [last, lastAt] = [chosen.pop(), tried.pop()];
    if (last === undefined || lastAt === undefined) return NONE;
    if (stepsLeft-- <= 0) return { kind: "unknown" }; // invariant 2
    takeBack(last, bundles[order[chosen.length] ?? 0] ?? new Map());
    from = lastAt + 1;
  }
  const byBundle = new Map(order.map((index, at) => [index, chosen[at]]));
  return { kind: "placed", nodes: bundles.flatMap((_, index) => byBundle.get(index)?.node ?? []) }; // invariant 1
}

function candidatesOf(rooms: readonly Room[], strategy: PlacementStrategy): Room[] {
  const open = rooms.filter((room) => strategy !== "STRICT_SPREAD" || room.bundles === 0);
  return open.sort((a, b) => (strategy === "PACK" ? b.bundles - a.bundles : a.bundles - b.bundles));
}

function isOpen(nodeId: string, strategy: PlacementStrategy, taken: ReadonlySet<string>): boolean {
  if (strategy === "STRICT_SPREAD") return !taken.has(nodeId);
  return strategy !== "STRICT_PACK" || taken.size === 0 || taken.has(nodeId);
}

function leftOf(pool: Pool, ifIdle: boolean): Map<string, number> {
  if (ifIdle) return new Map(pool.total);
  return new Map([...pool.total.keys()].map((resource) => [resource, pool.free(resource)]));
}

function fits(room: Room, bundle: Units): boolean {
  for (const [resource, needed] of bundle) if (needed > (room.left.get(resource) ?? 0)) return false;
  return true;
}

function place(room: Room, bundle: Units): boolean {
  if (!fits(room, bundle)) return false;
  for (const [resource, needed] of bundle) room.left.set(resource, (room.left.get(resource) ?? 0) - needed);
  room.bundles++;
  return true;
}

function takeBack(room: Room, bundle: Units): void {
  for (const [resource, needed] of bundle) room.left.set(resource, (room.left.get(resource) ?? 0) + needed);
  room.bundles--;
}

function weight(bundle: Units | undefined): number {
  let sum = 0;
  for (const [resource, units] of bundle ?? []) sum += resource === "memory" ? units / 1e5 : units;
  return sum;
}
