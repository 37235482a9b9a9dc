// A placement group: bundles of resources reserved together, for what is scheduled into them.
//
//   PENDING ──► CREATED ◄──► RESCHEDULING (a node with bundles was lost)      any ──► REMOVED
//
// 1. All bundles are reserved at once or none; after the loss of a node only the lost ones are sought again.

import type { Id } from "../workers/messages.ts";
import { whyNever } from "./never-fits.ts";
import type { SchedulableNode } from "./pick-node.ts";
import { type PlacementStrategy, planBundles } from "./plan-bundles.ts";
import { Pool, type Taken, type Units } from "./pool.ts";

export interface Bundle {
  readonly node: SchedulableNode;
  readonly pool: Pool;
  readonly taken: Taken;
}

export type PlacementGroupState = "PENDING" | "CREATED" | "RESCHEDULING" | "REMOVED";

export interface PlacementGroupSpec {
  readonly id: Id;
  /** For lists, as the two that follow. */
  readonly name?: string;
  readonly namespace?: string;
  readonly detached?: boolean;
  readonly strategy: PlacementStrategy;
  readonly bundles: readonly Units[];
  readonly onCreated?: () => void;
}

export class PlacementGroup {
  readonly spec: PlacementGroupSpec;
  readonly #bundles: (Bundle | undefined)[];
  #state: PlacementGroupState = "PENDING";

  constructor(spec: PlacementGroupSpec) {
    this.spec = spec;
    this.#bundles = spec.bundles.map(() => undefined);
  }

  get state(): PlacementGroupState {
    return this.#state;
  }

  get bundles(): readonly (Bundle | undefined)[] {
    return this.#bundles;
  }

  /** Reserves the bundles that have no place; false when they do not fit now (invariant 1). */
  tryReserve(nodes: readonly SchedulableNode[]): boolean {
    if (this.#state !== "PENDING" && this.#state !== "RESCHEDULING") return true;
    const missing = [...this.#bundles.keys()].filter((index) => this.#bundles[index] === undefined);
    const placed = planBundles(
      nodes,
      missing.map((index) => this.spec.bundles[index] ?? new Map()),
      {
        strategy: this.spec.strategy,
        taken: new Set(this.#bundles.flatMap((bundle) => bundle?.node.id ?? [])),
      },
    );
    if (placed.kind !== "placed") return false;
    const reserved: Bundle[] = [];
    for (const [at, index] of missing.entries()) {
      const [units, node] = [this.spec.bundles[index], placed.nodes[at]];
      // The plan counts units; devices may be shared in a way that leaves none whole.
      if (units === undefined || node === undefined || !node.pool.fits(units)) {
        for (const { node: own, taken } of reserved) own.pool.give(taken);
        return false;
      }
      const taken = node.pool.take(units);
      reserved.push({ node, taken, pool: new Pool(units, taken.gpus) });
    }
    for (const [at, index] of missing.entries()) this.#bundles[index] = reserved[at];
    const first = this.#state === "PENDING";
    this.#state = "CREATED";
    if (first) this.spec.onCreated?.();
    return true;
  }

  /** Why its bundles can never be reserved on these nodes, for people; undefined when they may be, or are. */
  whyNever(nodes: readonly SchedulableNode[]): string | undefined {
    if (this.#state !== "PENDING") return undefined;
    return whyNever(nodes, this.spec.bundles, this.spec.strategy);
  }

  /** Forgets the bundles on a node that is gone; true when there were any. */
  lose(nodeId: string): boolean {
    let lost = false;
    for (const [index, bundle] of this.#bundles.entries()) {
      if (bundle?.node.id !== nodeId) continue;
      this.#bundles[index] = undefined;
      lost = true;
    }
    if (lost && this.#state === "CREATED") this.#state = "RESCHEDULING";
    return lost;
  }

  /** The bundles that were reserved, to be given back; the group is over. */
  remove(): readonly Bundle[] {
    this.#state = "REMOVED";
    return this.#bundles.splice(0).filter((bundle) => bundle !== undefined);
  }
}
