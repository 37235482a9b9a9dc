// Why the bundles of a placement group can never have a place on these nodes, even if all were idle. Pure.
//
// 1. What is said is certain: a group that might find a place after all waits.

import type { SchedulableNode } from "./pick-node.ts";
import { type PlacementStrategy, planBundles } from "./plan-bundles.ts";
import type { Units } from "./pool.ts";
import { amountOf } from "./resources.ts";

/** Places that are tried before nothing is said (invariant 1): some milliseconds. */
const STEPS = 20_000;

/** For people, such as `bundle 1 needs 4 num_cpus, the most a node has is 2`; undefined when they may fit. */
export function whyNever(
  nodes: readonly SchedulableNode[],
  bundles: readonly Units[],
  strategy: PlacementStrategy,
): string | undefined {
  if (planBundles(nodes, bundles, { strategy, ifIdle: true, steps: STEPS }).kind !== "none") return undefined;
  return alone(nodes, bundles) ?? together(nodes, bundles, strategy);
}

/** A bundle that no node could hold. */
function alone(nodes: readonly SchedulableNode[], bundles: readonly Units[]): string | undefined {
  const index = bundles.findIndex((bundle) => !nodes.some(({ pool }) => pool.couldFit(bundle)));
  const bundle = bundles[index];
  if (bundle === undefined) return undefined;
  const lacking = tooMuch(bundle, (resource) => mostOf(nodes, resource));
  if (lacking === undefined) return `bundle ${index} needs ${describe(bundle)}, no node has all of it`;
  return `bundle ${index} needs ${lacking.needed}, the most a node has is ${lacking.most}`;
}

function together(
  nodes: readonly SchedulableNode[],
  bundles: readonly Units[],
  strategy: PlacementStrategy,
): string {
  const count = `its ${bundles.length} bundles`;
  if (strategy === "STRICT_SPREAD" && bundles.length > nodes.length) {
    return `${count} need a node each (STRICT_SPREAD), there ${nodes.length === 1 ? "is" : "are"} ${nodes.length}`;
  }
  const sum = new Map<string, number>();
  for (const bundle of bundles) {
    for (const [resource, units] of bundle) sum.set(resource, (sum.get(resource) ?? 0) + units);
  }
  const packed = strategy === "STRICT_PACK";
  const lacking = tooMuch(sum, (resource) => (packed ? mostOf(nodes, resource) : sumOf(nodes, resource)));
  if (lacking !== undefined) {
    const there = packed ? "the most a node has is" : "all nodes together have";
    return `${count} need ${lacking.needed} together (${strategy}), ${there} ${lacking.most}`;
  }
  const where = `${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}`;
  return `${count} cannot be placed together, ${strategy} on ${where}, even when nothing else runs`;
}

/** The first resource of which there is less than is needed, in amounts for people. */
function tooMuch(
  wanted: Units,
  mostUnits: (resource: string) => number,
): { readonly needed: string; readonly most: number } | undefined {
  for (const [resource, units] of wanted) {
    const most = mostUnits(resource);
    if (units > most) {
      return { needed: `${amountOf(resource, units)} ${resource}`, most: amountOf(resource, most) };
    }
  }
  return undefined;
}

function describe(bundle: Units): string {
  return [...bundle].map(([resource, units]) => `${amountOf(resource, units)} ${resource}`).join(" and ");
}

function mostOf(nodes: readonly SchedulableNode[], resource: string): number {
  return Math.max(0, ...nodes.map(({ pool }) => pool.total.get(resource) ?? 0));
}

function sumOf(nodes: readonly SchedulableNode[], resource: string): number {
  return nodes.reduce((sum, { pool }) => sum + (pool.total.get(resource) ?? 0), 0);
}
