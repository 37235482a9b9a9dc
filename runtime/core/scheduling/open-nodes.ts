// Which nodes a request may go to at all, before anybody looks at resources: not those that drain, nor those that have as
// many of its group as they may. It counts the groups.

import type { PerNodeData } from "../workers/messages.ts";
import type { SchedulableNode } from "./pick-node.ts";

export class OpenNodes {
  readonly #draining = new Set<string>();
  /** Leases by group, then by node. */
  readonly #groups = new Map<string, Map<string, number>>();

  drains(nodeId: string): boolean {
    return this.#draining.has(nodeId);
  }

  setDraining(nodeId: string, draining: boolean): void {
    if (draining) this.#draining.add(nodeId);
    else this.#draining.delete(nodeId);
  }

  /** A lease of the group was given, with `by` 1, or released, with -1. */
  count(group: string, nodeId: string, by: 1 | -1): void {
    const counts = this.#groups.get(group) ?? new Map<string, number>();
    const left = (counts.get(nodeId) ?? 0) + by;
    if (left > 0) counts.set(nodeId, left);
    else counts.delete(nodeId);
    if (counts.size > 0) this.#groups.set(group, counts);
    else this.#groups.delete(group);
  }

  /** Those of `nodes` that a request may go to; the same list when that is all of them. */
  among(nodes: readonly SchedulableNode[], perNode: PerNodeData | undefined): readonly SchedulableNode[] {
    if (this.#draining.size === 0 && perNode === undefined) return nodes;
    const open = nodes.filter(({ id }) => !this.#draining.has(id) && !this.#isFull(id, perNode));
    return open.length === nodes.length ? nodes : open;
  }

  /** Why the others are closed: `node "a" drains; at most 2 of "net" per node, on 3 nodes`. */
  describe(nodes: readonly SchedulableNode[], perNode: PerNodeData | undefined): string {
    const draining = nodes.filter(({ id }) => this.#draining.has(id)).map(({ id }) => `node "${id}" drains`);
    const left = nodes.length - draining.length;
    const full = nodes.filter(({ id }) => !this.#draining.has(id) && this.#isFull(id, perNode));
    if (perNode === undefined || full.length === 0) return draining.join("; ");
    const where = `on ${left} ${left === 1 ? "node" : "nodes"}`;
    return [...draining, `at most ${perNode.most} of "${perNode.group}" per node, ${where}`].join("; ");
  }

  #isFull(nodeId: string, perNode: PerNodeData | undefined): boolean {
    if (perNode === undefined) return false;
    return (this.#groups.get(perNode.group)?.get(nodeId) ?? 0) >= perNode.most;
  }
}
