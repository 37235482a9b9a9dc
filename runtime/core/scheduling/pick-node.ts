// Which node a request goes to. Pure but for the random choice, which is passed in.
//
// The rules and their constants are Ray's (hybrid policy: src/ray/raylet/scheduling/policy/hybrid_scheduling_policy.cc).

import type { StrategyData } from "../workers/messages.ts";
import { describeSelector, type Labels, matchesLabels } from "./labels.ts";
import type { Pool, Units } from "./pool.ts";

export interface SchedulableNode {
  readonly id: string;
  readonly labels: Labels;
  readonly pool: Pool;
}

export type NodeStrategy = Exclude<StrategyData, { kind: "PLACEMENT_GROUP" }>;

export interface PickState {
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Grows with each request that is spread. */
  readonly turn: number;
}

export type Picked =
  | { readonly kind: "node"; readonly node: SchedulableNode }
  /** None has room now. */
  | { readonly kind: "full"; readonly message: string }
  /** None would have room if it were idle. */
  | { readonly kind: "infeasible"; readonly message: string };

/** Below this share in use of its scarcest resource a node is filled up before the next one. */
const SPREAD_THRESHOLD = 0.5;
const TOP_SHARE = 0.2;

export function pickNode(
  nodes: readonly SchedulableNode[],
  request: { readonly units: Units; readonly strategy: NodeStrategy },
  state: PickState,
): Picked {
  const { units, strategy } = request;
  switch (strategy.kind) {
    case "DEFAULT":
      return among(nodes, units, (free) => hybrid(free, units, state.random));
    case "SPREAD":
      return among(nodes, units, (free) => free[state.turn % free.length]);
    case "NODE_AFFINITY": {
      const own = nodes.filter(({ id }) => id === strategy.nodeId);
      const picked = among(own, units, ([first]) => first, `there is no node "${strategy.nodeId}"`);
      if (picked.kind === "node" || !strategy.soft) return picked;
      return among(nodes, units, (free) => hybrid(free, units, state.random));
    }
    case "LABELS": {
      let last: Picked = { kind: "infeasible", message: "no selector was given" };
      let waits: Picked | undefined;
      for (const selector of strategy.selectors) {
        const matching = nodes.filter(({ labels }) => matchesLabels(labels, selector));
        const none = `no node has the labels ${describeSelector(selector)}`;
        last = among(matching, units, (free) => hybrid(free, units, state.random), none);
        if (last.kind === "node") return last;
        if (last.kind === "full") waits ??= last;
      }
      return waits ?? last;
    }
  }
}

function among(
  nodes: readonly SchedulableNode[],
  units: Units,
  choose: (free: readonly SchedulableNode[]) => SchedulableNode | undefined,
  whenNone = "there is no node",
): Picked {
  const [first] = nodes;
  if (first === undefined) return { kind: "infeasible", message: whenNone };
  const free = nodes.filter(({ pool }) => pool.fits(units));
  const node = free.length === 0 ? undefined : choose(free);
  if (node !== undefined) return { kind: "node", node };
  const able = nodes.find(({ pool }) => pool.couldFit(units));
  const message = (able ?? first).pool.shortage(units) ?? "needs GPUs that are whole or on one device";
  return { kind: able === undefined ? "infeasible" : "full", message };
}

function hybrid(
  free: readonly SchedulableNode[],
  units: Units,
  random: () => number,
): SchedulableNode | undefined {
  if (free.length === 1) return free[0];
  const scored = free.map((node, index) => {
    const used = node.pool.utilisation(units);
    // Nodes below the threshold count as equal: the first of them is filled up.
    return { node, index, score: used <= SPREAD_THRESHOLD ? 0 : used };
  });
  scored.sort((a, b) => a.score - b.score || a.index - b.index);
  const [best] = scored;
  if (best === undefined || best.score === 0) return best?.node;
  const top = Math.max(1, Math.floor(TOP_SHARE * free.length));
  return scored[Math.floor(random() * top)]?.node;
}
