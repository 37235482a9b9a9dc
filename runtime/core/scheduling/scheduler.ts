// Who runs where: nodes with resources, requests for them, and placement groups. It decides and counts; it starts
// nothing and waits for nobody.
//
// 1. Requests for the same placement are granted in the order they came; on each return of resources the heads of all
//    queues are tried, the oldest first.
// 2. A request that has waited for `STARVING_MS` reserves a node: nobody younger is granted anything there.
// 3. Leases that take lent CPUs back come before every queue.
// 4. A placement that no node can hold, even idle, is told at once; so is one in a group that can never be placed.
// 5. A node that drains gets nothing new; what waits only for such a node, or for its group, keeps no other from a node.

import { type Clock, ShoalError } from "../../base/index.ts";
import { unitsOf } from "./resources.ts";
import type { Id, PlacementData } from "../workers/messages.ts";
import { HeldLease, type Lease, type LeaseOwner } from "./lease.ts";
import type { Labels } from "./labels.ts";
import { OpenNodes } from "./open-nodes.ts";
import { pickNode, type SchedulableNode } from "./pick-node.ts";
import { type Bundle, PlacementGroup, type PlacementGroupSpec } from "./placement-group.ts";
import { describeShortage, type PlacementStrategy } from "./plan-bundles.ts";
import { Pool, type Units } from "./pool.ts";
import { type Queued, type RequestQueue, RequestQueues } from "./request-queues.ts";

export interface SchedulerOptions {
  readonly clock: Pick<Clock, "nowMs">;
  /** From 0 to below 1; Math.random by default. */
  readonly random?: () => number;
}

export interface NodeSpec {
  readonly id: string;
  readonly labels?: Labels;
  readonly resources: Readonly<Record<string, number>>;
}

export interface RequestEvents {
  /** At once, or later. Whoever gets the lease releases it. */
  readonly onGranted: (lease: Lease) => void;
  /** Its placement group was removed while it waited. */
  readonly onInfeasible: (message: string) => void;
  /** The node or placement group under a lease is gone: end what runs there, then release. */
  readonly onLost: () => void;
}

export interface Ticket {
  cancel(): void;
}

/** `message` says what is short, such as `needs 4 num_cpus, 2 free of 2`. */
export interface Requested {
  readonly kind: "granted" | "queued" | "infeasible";
  readonly message: string;
  readonly ticket: Ticket;
}

export interface GroupOptions {
  readonly id: Id;
  readonly name?: string;
  readonly namespace?: string;
  readonly detached?: boolean;
  readonly strategy: PlacementStrategy;
  readonly bundles: readonly Readonly<Record<string, number>>[];
  readonly onCreated?: () => void;
}

interface Waiting extends RequestEvents, Queued {
  readonly sinceMs: number;
  cancelled: boolean;
}

type Queue = RequestQueue<Waiting>;

type Attempt =
  | { readonly kind: "lease"; readonly lease: HeldLease }
  | { readonly kind: "full" | "infeasible"; readonly message: string };

const STARVING_MS = 2_000;
const DONE: Ticket = { cancel: () => undefined };

export class Scheduler {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #random: () => number;
  readonly #nodes: SchedulableNode[] = [];
  readonly #open = new OpenNodes();
  readonly #queues = new RequestQueues<Waiting>();
  readonly #groups = new Map<Id, PlacementGroup>();
  /** Why groups that wait can never be placed with the present nodes; undefined where they can. */
  readonly #never = new Map<Id, string | undefined>();
  readonly #leases = new Set<HeldLease>();
  readonly #owner: LeaseOwner;
  #takers: (() => boolean)[] = [];
  /** Kept for a request that has waited for long (invariant 2). */
  #reserved: SchedulableNode | undefined;
  #lastSequence = 0;
  #turn = 0;
  #draining = false;
  #drainAgain = false;

  constructor(options: SchedulerOptions) {
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
    this.#owner = {
      onGiven: () => this.#drain(),
      takeFirst: (tryTake) => {
        if (!tryTake()) this.#takers.push(tryTake);
      },
      onReleased: (lease) => {
        this.#leases.delete(lease);
        if (lease.group !== undefined) this.#open.count(lease.group, lease.nodeId, -1);
      },
    };
  }

  addNode({ id, labels = {}, resources }: NodeSpec): void {
    if (this.#nodes.some((node) => node.id === id)) {
      throw new ShoalError("INVALID_ARGUMENT", `Cannot add node "${id}": there is one of that name`);
    }
    this.#nodes.push({ id, labels, pool: new Pool(unitsOf(resources)) });
    this.#never.clear();
    this.#drain();
  }

  /** Its leases are lost, and the bundles on it are sought elsewhere. */
  removeNode(id: string): void {
    const at = this.#find(id);
    this.#nodes.splice(at, 1);
    this.#never.clear();
    this.#open.setDraining(id, false);
    for (const group of this.#groups.values()) group.lose(id);
    this.#lose(({ nodeId }) => nodeId === id);
    this.#drain();
  }

  /** Whether nothing new is placed there (invariant 5). Throws NOT_FOUND. */
  drainNode(id: string, draining: boolean): void {
    this.#find(id);
    this.#open.setDraining(id, draining);
    this.#drain();
  }

  #find(id: string): number {
    const at = this.#nodes.findIndex((node) => node.id === id);
    if (at >= 0) return at;
    const known = this.#nodes.map((node) => `"${node.id}"`).join(", ") || "none";
    throw new ShoalError("NOT_FOUND", `Cannot find a node "${id}": there are ${known}`);
  }

  isDraining(id: string): boolean {
    return this.#open.drains(id);
  }

  /** Throws INVALID_ARGUMENT on amounts that cannot be accounted. */
  request(placement: PlacementData, events: RequestEvents): Requested {
    const queue = this.#queues.of(placement);
    const never = this.#whyNever(placement);
    if (never !== undefined) return { kind: "infeasible", message: never, ticket: DONE }; // invariant 4
    let message = "waits behind others that want the same"; // invariant 1
    if (queue.waiting.length === 0) {
      const attempt = this.#attempt(queue, events);
      if (attempt.kind === "infeasible")
        return { kind: "infeasible", message: attempt.message, ticket: DONE };
      if (attempt.kind === "lease") {
        events.onGranted(attempt.lease);
        return { kind: "granted", message: "", ticket: DONE };
      }
      message = attempt.message;
    }
    const waiting: Waiting = {
      ...events,
      sequence: ++this.#lastSequence,
      sinceMs: this.#clock.nowMs(),
      cancelled: false,
    };
    queue.waiting.push(waiting);
    return { kind: "queued", message, ticket: { cancel: () => this.#cancel(queue, waiting) } };
  }

  /** Throws INVALID_ARGUMENT. A group that has no place now is pending; what is placed into it is told if it never will. */
  createPlacementGroup(options: GroupOptions): PlacementGroup {
    if (options.bundles.length === 0) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        "Cannot create a placement group: found no bundles, wanted 1 or more",
      );
    }
    const bundles = options.bundles.map((bundle) => unitsOf(bundle));
    if (bundles.some((bundle) => bundle.size === 0)) {
      throw new ShoalError("INVALID_ARGUMENT", "Cannot create a placement group: found a bundle of nothing");
    }
    const spec: PlacementGroupSpec = { ...options, bundles };
    const group = new PlacementGroup(spec);
    this.#groups.set(spec.id, group);
    group.tryReserve(this.#open.among(this.#nodes, undefined));
    return group;
  }

  /** Its leases are lost; a bundle returns to its node when the last of its leases is released. */
  removePlacementGroup(id: Id): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#groups.delete(id);
    this.#never.delete(id);
    const bundles = group.remove();
    const pools = new Set(bundles.map(({ pool }) => pool));
    this.#lose(({ pool }) => pools.has(pool));
    for (const bundle of bundles) this.#giveBack(bundle);
    this.#drain();
  }

  placementGroup(id: Id): PlacementGroup | undefined {
    return this.#groups.get(id);
  }

  get nodes(): readonly SchedulableNode[] {
    return this.#nodes;
  }

  get placementGroups(): IterableIterator<PlacementGroup> {
    return this.#groups.values();
  }

  /** Requests that wait, by placement. */
  demand(): { readonly placement: PlacementData; readonly count: number }[] {
    return this.#queues.byHead().map(({ placement, waiting }) => ({ placement, count: waiting.length }));
  }

  /** Why its placement group can never be placed with the present nodes; looked up once for a set of nodes. */
  #whyNever({ strategy }: PlacementData): string | undefined {
    if (strategy.kind !== "PLACEMENT_GROUP") return undefined;
    const { group: id } = strategy;
    const group = this.#groups.get(id);
    if (group?.state !== "PENDING") return undefined;
    if (!this.#never.has(id)) this.#never.set(id, group.whyNever(this.#nodes));
    const why = this.#never.get(id);
    return why === undefined ? undefined : `its placement group can never be placed: ${why}`;
  }

  /** Takes the resources now if it can. */
  #attempt({ placement, units }: Queue, events: RequestEvents): Attempt {
    const { strategy, perNode } = placement;
    if (strategy.kind === "PLACEMENT_GROUP") {
      const group = this.#groups.get(strategy.group);
      if (group === undefined) return { kind: "infeasible", message: "its placement group was removed" };
      return this.#attemptBundle(group, { units, bundle: strategy.bundle }, events);
    }
    const reserved = this.#reserved;
    const open = this.#open.among(this.#nodes, perNode);
    const nodes = reserved === undefined ? open : open.filter((node) => node !== reserved);
    const state = { random: this.#random, turn: this.#turn };
    const picked = pickNode(nodes, { units, strategy }, state);
    if (picked.kind !== "node") {
      // What is closed to it now may be opened again.
      const all = nodes === this.#nodes ? picked : pickNode(this.#nodes, { units, strategy }, state);
      if (all.kind === "infeasible") return { kind: "infeasible", message: all.message };
      const short = open.length === 0 ? [] : [picked.message];
      const closed = open === this.#nodes ? [] : [this.#open.describe(this.#nodes, perNode)];
      const message = [...short, ...closed].join("; ");
      return { kind: "full", message: short.length === 0 ? `waits: ${message}` : message };
    }
    if (strategy.kind === "SPREAD") this.#turn++;
    const lease = this.#lease(picked.node.id, picked.node.pool, { units, events, group: perNode?.group });
    return { kind: "lease", lease };
  }

  #attemptBundle(
    group: PlacementGroup,
    { units, bundle: index }: { readonly units: Units; readonly bundle: number },
    events: RequestEvents,
  ): Attempt {
    const { bundles: specs } = group.spec;
    if (index >= specs.length) {
      return {
        kind: "infeasible",
        message: `its placement group has ${specs.length} bundles, none is number ${index}`,
      };
    }
    const own = index < 0 ? group.bundles : [group.bundles[index]];
    const wanted = index < 0 ? specs : [specs[index] ?? new Map<string, number>()];
    if (!wanted.some((total) => new Pool(total).couldFit(units))) {
      const message = `no bundle holds that: ${new Pool(wanted[0] ?? new Map()).shortage(units) ?? ""}`;
      return { kind: "infeasible", message };
    }
    const bundle = own.find((one) => one?.pool.fits(units) === true);
    if (bundle === undefined) return { kind: "full", message: this.#describeGroup(group) };
    const lease = this.#lease(bundle.node.id, bundle.pool, { units, events, group: undefined });
    return { kind: "lease", lease };
  }

  #describeGroup({ state, spec }: PlacementGroup): string {
    if (state !== "PENDING") return `its placement group is ${state}`;
    const open = this.#open.among(this.#nodes, undefined);
    const closed = open === this.#nodes ? "" : `; ${this.#open.describe(this.#nodes, undefined)}`;
    return `waits for its placement group: ${describeShortage(open, spec.bundles, spec.strategy)}${closed}`;
  }

  #lease(
    nodeId: string,
    pool: Pool,
    { units, events, group }: { units: Units; events: RequestEvents; group: string | undefined },
  ): HeldLease {
    const lease = new HeldLease(
      { nodeId, pool, taken: pool.take(units), onLost: events.onLost, group },
      this.#owner,
    );
    this.#leases.add(lease);
    if (group !== undefined) this.#open.count(group, nodeId, 1);
    return lease;
  }

  #cancel(queue: Queue, waiting: Waiting): void {
    waiting.cancelled = true;
    const at = queue.waiting.indexOf(waiting);
    if (at < 0) return;
    queue.waiting.splice(at, 1);
    if (at === 0 && this.#reserved !== undefined) this.#drain();
  }

  /** Tells the holders of leases; they release when they have ended. */
  #lose(isLost: (lease: HeldLease) => boolean): void {
    for (const lease of Array.from(this.#leases)) if (isLost(lease)) lease.onLost();
  }

  /** Returns a bundle to its node once the last lease in it is released. */
  #giveBack(bundle: Bundle): void {
    const held = [...this.#leases].filter(({ pool }) => pool === bundle.pool);
    if (held.length === 0) bundle.node.pool.give(bundle.taken);
    else this.#takers.push(() => this.#returned(bundle));
  }

  #returned(bundle: Bundle): boolean {
    for (const { pool } of this.#leases) if (pool === bundle.pool) return false;
    bundle.node.pool.give(bundle.taken);
    return true;
  }

  /** Grants what can be granted (invariants 1 to 3). Callbacks may come back in here. */
  #drain(): void {
    if (this.#draining) {
      this.#drainAgain = true;
      return;
    }
    this.#draining = true;
    try {
      do {
        this.#drainAgain = false;
        this.#takers = this.#takers.filter((tryTake) => !tryTake());
        const open = this.#open.among(this.#nodes, undefined);
        for (const group of this.#groups.values()) group.tryReserve(open);
        this.#grantHeads();
      } while (this.#drainAgain);
    } finally {
      this.#draining = false;
    }
  }

  #grantHeads(): void {
    this.#reserved = undefined;
    for (const queue of this.#queues.byHead()) {
      for (let head = queue.waiting[0]; head !== undefined; head = queue.waiting[0]) {
        const attempt = this.#attempt(queue, head);
        if (attempt.kind === "lease") {
          queue.waiting.shift();
          head.onGranted(attempt.lease);
        } else if (attempt.kind === "infeasible" && queue.placement.strategy.kind === "PLACEMENT_GROUP") {
          queue.waiting.shift();
          head.onInfeasible(attempt.message);
        } else {
          const starves = this.#clock.nowMs() - head.sinceMs >= STARVING_MS;
          // Invariants 2 and 5.
          if (starves) this.#reserved ??= this.#able(queue);
          break;
        }
      }
    }
  }

  #able({ placement, units }: Queue): SchedulableNode | undefined {
    const open = this.#open.among(this.#nodes, placement.perNode);
    return open.find(({ pool }) => pool.couldFit(units));
  }
}
