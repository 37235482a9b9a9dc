// The waiting requests of one priority, shared among tenants by weight: start-time fair queueing over tenants, earliest
// due first within each.
//
// 1. The head is of the tenant that got least for its weight; among equals the earliest due, then the oldest.
// 2. Who was idle starts level with who is served now: idleness earns no credit, and what was had before is not forgotten.
// 3. A tenant's time only grows, so a place in a heap may lag behind: it is moved when it comes first, never searched.
// 4. Nothing costs more than the logarithm of the queue, save moving on from what others were charged.

import type { Entry } from "./entry.ts";
import { Heap } from "./heap.ts";

/** Empty lists kept, since the next request is often like the last. */
const MAX_IDLE = 16;
const MAX_IDLE_TENANTS = 1_024;

export interface Tenant {
  readonly name: string;
  weight: number;
  /** What it was served, over its weight. */
  served: number;
  requests: number;
  rows: number;
  readonly lanes: Set<Lane>;
  index: number;
}

/** What of one tenant may share a batch. */
export interface Lane {
  readonly band: FairBand;
  readonly group: Group;
  readonly tenant: Tenant;
  readonly entries: Heap<Entry>;
  rows: number;
  /** `tenant.served` when it was last put in order (invariant 3). */
  seen: number;
  index: number;
}

/** What of all tenants may share a batch. */
interface Group {
  readonly key: string;
  readonly lanes: Map<string, Lane>;
  /** Those with entries. */
  readonly waiting: Heap<Lane>;
  rows: number;
  index: number;
}

/** Where a new request would stand in a queue, in rows that wait. */
export interface Place {
  /** Of what comes first whoever it is of: higher priorities, and what came back. */
  readonly above: number;
  /** Batches of others after which its priority is next all the same, when it would be the first there; else infinite. */
  readonly turnIn: number;
  /** Of its tenant in its priority. */
  readonly own: number;
  /** Of its priority's turns, those of its tenant as long as all who wait now do; 0 to 1. */
  readonly share: number;
  /** Of others in its priority. */
  readonly beside: number;
}

export class FairBand {
  readonly #groups = new Map<string, Group>();
  readonly #waiting = new Heap<Group>({ before: groupBefore, place: setIndex });
  readonly #tenants = new Map<string, Tenant>();
  readonly #longest = new Heap<Tenant>({
    before: (a, b) => a.requests * b.weight > b.requests * a.weight,
    place: setIndex,
  });
  #idleLimit = MAX_IDLE_TENANTS;
  /** Where who comes now starts. */
  #level = 0;
  /** Of tenants with something waiting. */
  #weight = 0;
  requests = 0;
  rows = 0;

  /** `key`: entries with equal ones may share a batch. */
  push(entry: Entry, key: string, owner: Pick<Tenant, "name" | "weight">): void {
    const tenant = this.#tenantOf(owner);
    const group = this.#groupOf(key);
    const lane = this.#laneOf(group, tenant);
    lane.entries.push(entry);
    lane.rows += entry.rows;
    entry.lane = lane;
    if (lane.index < 0) {
      tenant.lanes.add(lane);
      lane.seen = tenant.served;
      group.waiting.push(lane);
    } else if (lane.entries.first === entry) group.waiting.moved(lane.index);
    group.rows += entry.rows;
    if (group.index < 0) this.#waiting.push(group);
    else this.#waiting.moved(group.index);
    this.rows += entry.rows;
    this.requests++;
    tenant.rows += entry.rows;
    tenant.requests++;
    if (tenant.requests === 1) this.#longest.push(tenant);
    else this.#longest.moved(tenant.index);
  }

  /** Takes one of this band out of wherever it is. */
  remove(entry: Entry): void {
    const { lane } = entry;
    if (lane === undefined) return;
    const { group, tenant, entries } = lane;
    entry.lane = undefined;
    entries.removeAt(entry.laneIndex);
    lane.rows -= entry.rows;
    if (entries.size > 0) group.waiting.moved(lane.index);
    else {
      group.waiting.removeAt(lane.index);
      tenant.lanes.delete(lane);
      if (group.lanes.size > MAX_IDLE) group.lanes.delete(tenant.name);
    }
    group.rows -= entry.rows;
    if (group.waiting.size > 0) this.#waiting.moved(group.index);
    else {
      this.#waiting.removeAt(group.index);
      if (this.#groups.size > MAX_IDLE) this.#groups.delete(group.key);
    }
    this.rows -= entry.rows;
    this.requests--;
    tenant.rows -= entry.rows;
    tenant.requests--;
    if (tenant.requests > 0) this.#longest.moved(tenant.index);
    else this.#leave(tenant);
  }

  /** Who is next (invariant 1). */
  get head(): Entry | undefined {
    for (;;) {
      const group = this.#waiting.first;
      if (group === undefined) return undefined;
      const lane = fresh(group);
      this.#waiting.moved(group.index);
      if (this.#waiting.first === group) return lane?.entries.first;
    }
  }

  /** Who is next of those with this key. */
  headOf(key: string): Entry | undefined {
    const group = this.#groups.get(key);
    if (group === undefined || group.index < 0) return undefined;
    const lane = fresh(group);
    this.#waiting.moved(group.index);
    return lane?.entries.first;
  }

  /** Rows waiting with this key. */
  rowsOf(key: string): number {
    return this.#groups.get(key)?.rows ?? 0;
  }

  /** Requests of a tenant that wait. */
  requestsOf(tenant: string): number {
    return this.#tenants.get(tenant)?.requests ?? 0;
  }

  /** Where a new request of this tenant would stand. */
  placeOf({ name, weight }: Pick<Tenant, "name" | "weight">): Pick<Place, "own" | "share" | "beside"> {
    const own = this.#tenants.get(name);
    if (own === undefined || own.requests === 0) {
      return { own: 0, share: weight / (this.#weight + weight), beside: this.rows };
    }
    return { own: own.rows, share: weight / this.#weight, beside: this.rows - own.rows };
  }

  /** The tenant with most waiting for its weight. */
  get longest(): Tenant | undefined {
    return this.#longest.first;
  }

  /** Counts what an entry that was taken costs its tenant. */
  charge({ tenant }: Pick<Lane, "tenant">, cost: number): void {
    this.#level = Math.max(this.#level, tenant.served);
    tenant.served += cost / tenant.weight;
  }

  #tenantOf({ name, weight }: Pick<Tenant, "name" | "weight">): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      tenant = { name, weight, served: this.#level, requests: 0, rows: 0, lanes: new Set(), index: -1 };
      this.#tenants.set(name, tenant);
    }
    if (tenant.requests === 0) {
      tenant.served = Math.max(tenant.served, this.#level); // invariant 2
      tenant.weight = weight;
      this.#weight += weight;
    }
    return tenant;
  }

  #leave(tenant: Tenant): void {
    this.#longest.removeAt(tenant.index);
    this.#weight = this.#longest.size === 0 ? 0 : this.#weight - tenant.weight;
    if (this.#tenants.size <= this.#idleLimit) return;
    // Whoever is not ahead of the others is as good as new.
    for (const [name, { requests, served }] of this.#tenants) {
      if (requests === 0 && served <= this.#level) this.#forget(name);
    }
    this.#idleLimit = Math.max(MAX_IDLE_TENANTS, 2 * this.#tenants.size);
  }

  #forget(name: string): void {
    this.#tenants.delete(name);
    for (const group of this.#groups.values()) group.lanes.delete(name);
  }

  #groupOf(key: string): Group {
    let group = this.#groups.get(key);
    if (group === undefined) {
      const waiting = new Heap<Lane>({ before: laneBefore, place: setIndex });
      group = { key, lanes: new Map(), waiting, rows: 0, index: -1 };
      this.#groups.set(key, group);
    }
    return group;
  }

  #laneOf(group: Group, tenant: Tenant): Lane {
    let lane = group.lanes.get(tenant.name);
    if (lane === undefined) {
      const entries = new Heap<Entry>({ before: entryBefore, place: setLaneIndex });
      lane = { band: this, group, tenant, entries, rows: 0, seen: tenant.served, index: -1 };
      group.lanes.set(tenant.name, lane);
    }
    return lane;
  }
}

/** The first lane of a group once it is in its right place (invariant 3). */
function fresh({ waiting }: Group): Lane | undefined {
  for (let lane = waiting.first; lane !== undefined; lane = waiting.first) {
    if (lane.seen === lane.tenant.served) return lane;
    lane.seen = lane.tenant.served;
    waiting.moved(lane.index);
  }
  return undefined;
}

function entryBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}

function laneBefore(a: Lane, b: Lane): boolean {
  if (a.seen !== b.seen) return a.seen < b.seen;
  const [first, second] = [a.entries.first, b.entries.first];
  return first !== undefined && (second === undefined || entryBefore(first, second));
}

function groupBefore(a: Group, b: Group): boolean {
  const [first, second] = [a.waiting.first, b.waiting.first];
  return first !== undefined && (second === undefined || laneBefore(first, second));
}

function setIndex(item: { index: number }, index: number): void {
  item.index = index;
}

function setLaneIndex(entry: Entry, index: number): void {
  entry.laneIndex = index;
}
