// The waiting requests of one deployment: what came back unanswered first, then three bands of priority.
//
// 1. An entry is in one lane of one band, or in none.
// 2. An entry that is `alone` shares no batch.
// 3. A band that waited, or was turned away, while `PASSES` batches of others went is due: its next request goes first, is let
//    into a full queue and does not have to leave it. So no load of higher bands starves it, however little room or time it has.
// 4. A batch is filled from the highest band down; a request that does not fit is not passed over for a smaller one.

import type { Fit } from "./company.ts";
import type { Entry } from "./entry.ts";
import { FairBand, type Place } from "./fair-band.ts";
import type { Claim } from "./policy.ts";
import { PRIORITIES } from "./policy.ts";

/** Batches that may pass a waiting band. */
export const PASSES = 16;

/** Entries that are looked at for every row that is wanted; of more, one of so many. */
const LOOKED_AT = 4;

const NOBODY = { name: "", weight: 1 };
/** Sorts what is alone apart from what may be joined; no key of tensors starts so. */
const ALONE = "\0alone";

export interface Taken {
  readonly taken: Entry[];
  /** Out of the queue as well. */
  readonly dropped: Entry[];
}

export interface Take {
  /** Most rows of the batch. */
  readonly rows: number;
  readonly requests: number;
  /** Whether an entry would be in time in this batch; without it all are. */
  readonly fits?: (entry: Entry) => Fit;
  /** What a row costs its tenant. Default 1. */
  readonly rowCost?: number;
}

interface Band {
  readonly entries: FairBand;
  /** Batches of others since it was served, while it waited or had been turned away. */
  passes: number;
  /** One of it was refused, or left the queue unserved, since it was served. */
  owed: boolean;
}

export class RequestQueue {
  readonly #weightOf: (tenant: string) => number;
  readonly #returned: Band = { entries: new FairBand(), passes: 0, owed: false };
  readonly #bands: readonly Band[] = PRIORITIES.map(() => ({
    entries: new FairBand(),
    passes: 0,
    owed: false,
  }));
  readonly #all: readonly Band[] = [this.#returned, ...this.#bands];
  #sequence = 0;
  #length = 0;

  /** `weightOf` says the share of a tenant that begins to wait. */
  constructor(weightOf: (tenant: string) => number = () => 1) {
    this.#weightOf = weightOf;
  }

  /** Requests. */
  get length(): number {
    return this.#length;
  }

  get rows(): number {
    let rows = 0;
    for (const { entries } of this.#all) rows += entries.rows;
    return rows;
  }

  /** Who is next. */
  get head(): Entry | undefined {
    if (this.#length === 0) return undefined;
    return this.#leader()?.entries.head;
  }

  /** Rows queued that could share a batch with an entry, itself included. */
  rowsLike(entry: Entry): number {
    if (entry.alone) return entry.rows;
    let rows = 0;
    for (const { entries } of this.#all) rows += entries.rowsOf(entry.joinKey);
    return rows;
  }

  /** Whether so many rows of an entry's own tenant, priority and kind are due no earlier than `untilMs`; by some of many. */
  hasPeersUntil({ lane }: Entry, untilMs: number, rows: number): boolean {
    const waiting = lane?.entries.items ?? [];
    const every = Math.max(1, Math.floor(waiting.length / (LOOKED_AT * rows)));
    let found = 0;
    for (let index = 0; index < waiting.length && found < rows; index += every) {
      const peer = waiting[index];
      if (peer !== undefined && peer.dueMs >= untilMs) found += every * peer.rows;
    }
    return found >= rows;
  }

  push(entry: Entry): void {
    entry.sequence = ++this.#sequence;
    const owner = { name: entry.tenant, weight: this.#weightOf(entry.tenant) };
    this.#bands[entry.band]?.entries.push(entry, keyOf(entry), owner);
    this.#length++;
  }

  /** Puts back what was taken out, before everything that waits. */
  giveBack(entry: Entry): void {
    this.#returned.entries.push(entry, keyOf(entry), NOBODY);
    this.#length++;
  }

  /** Of one that goes unserved. */
  remove(entry: Entry): void {
    if (entry.lane === undefined) return;
    this.#out(entry);
    const band = this.#bands[entry.band];
    if (band !== undefined) band.owed = true; // invariant 3
  }

  /** A request with this claim was refused (invariant 3). */
  turnedAway({ priority = "normal" }: Claim): void {
    const band = this.#bands[PRIORITIES.indexOf(priority)];
    if (band !== undefined) band.owed = true;
  }

  /** Takes an entry and its like, up to `limits`; the entry itself is taken whatever its size. */
  take(head: Entry, limits: Take): Taken {
    const taken: Entry[] = [];
    const dropped: Entry[] = [];
    const { rowCost = 1 } = limits;
    this.#takeOne(head, rowCost);
    taken.push(head);
    if (!head.alone) this.#fill({ taken, dropped }, limits); // invariant 2
    for (const band of this.#bands)
      band.passes = band.entries.requests > 0 || band.owed ? band.passes + 1 : 0;
    for (const { band } of taken) {
      const served = this.#bands[band];
      if (served === undefined) continue;
      served.passes = 0;
      served.owed = false;
    }
    return { taken, dropped };
  }

  /** Where a new request with this claim would stand. */
  placeOf({ priority = "normal", tenant = "" }: Claim): Place {
    const own = PRIORITIES.indexOf(priority);
    let above = this.#returned.entries.rows;
    for (let band = 0; band < own; band++) above += this.#bands[band]?.entries.rows ?? 0;
    const band = this.#bands[own];
    const place = band?.entries.placeOf({ name: tenant, weight: this.#weightOf(tenant) });
    const turnIn =
      band?.entries.requests === 0 ? Math.max(0, PASSES - band.passes) : Number.POSITIVE_INFINITY;
    return { above, turnIn, own: 0, share: 1, beside: 0, ...place };
  }

  /** Requests of a tenant that wait, whatever their priority. */
  requestsOf(tenant: string): number {
    let requests = 0;
    for (const { entries } of this.#bands) requests += entries.requestsOf(tenant);
    return requests;
  }

  /**
   * Who has to leave a full queue for a new request with this claim: one of the lowest band below it, else one of the
   * tenant with most waiting for its weight, if that is more than its own, else, for the first of a band that is due, one of
   * the lowest above it. Undefined when it is the new one itself.
   */
  victimOf({ priority = "normal", tenant = "" }: Claim): Entry | undefined {
    const own = PRIORITIES.indexOf(priority);
    for (let band = this.#bands.length - 1; band > own; band--) {
      const longest = this.#spared(band) ? undefined : this.#bands[band]?.entries.longest;
      if (longest !== undefined) return lastOf(longest);
    }
    const entries = this.#bands[own]?.entries;
    const longest = entries?.longest;
    if (entries === undefined) return undefined;
    if (longest === undefined) return this.#isDue(own) ? this.#lastAbove(own) : undefined;
    if (longest.name === tenant) return undefined;
    const after = (entries.requestsOf(tenant) + 1) / this.#weightOf(tenant);
    return longest.requests / longest.weight > after ? lastOf(longest) : undefined;
  }

  /** Invariant 3. */
  #isDue(band: number): boolean {
    return (this.#bands[band]?.passes ?? 0) >= PASSES;
  }

  /** Its only one is next. */
  #spared(band: number): boolean {
    return this.#isDue(band) && this.#bands[band]?.entries.requests === 1;
  }

  #lastAbove(band: number): Entry | undefined {
    for (let above = band - 1; above >= 0; above--) {
      const longest = this.#spared(above) ? undefined : this.#bands[above]?.entries.longest;
      if (longest !== undefined) return lastOf(longest);
    }
    return undefined;
  }

  #leader(): Band | undefined {
    if (this.#returned.entries.requests > 0) return this.#returned;
    let leader: Band | undefined;
    for (const band of this.#bands) {
      if (band.entries.requests === 0) continue;
      if (leader === undefined || (band.passes >= PASSES && band.passes > leader.passes)) leader = band; // invariant 3
    }
    return leader;
  }

  #fill({ taken, dropped }: Taken, { rows: most, requests, fits, rowCost = 1 }: Take): void {
    const [head] = taken;
    if (head === undefined) return;
    let { rows } = head;
    for (const { entries } of this.#all) {
      while (taken.length < requests && rows < most) {
        const next = entries.headOf(head.joinKey);
        const fit = next === undefined ? "waits" : (fits?.(next) ?? "fits");
        if (next === undefined || fit === "waits") break;
        if (fit === "drop") {
          this.remove(next);
          dropped.push(next);
          continue;
        }
        if (rows + next.rows > most) return; // invariant 4
        this.#takeOne(next, rowCost);
        taken.push(next);
        rows += next.rows;
      }
    }
  }

  #out(entry: Entry): void {
    entry.lane?.band.remove(entry);
    this.#length--;
  }

  #takeOne(entry: Entry, rowCost: number): void {
    const { lane } = entry;
    if (lane === undefined) return;
    this.#out(entry);
    // One of no row takes a turn as well.
    lane.band.charge(lane, Math.max(1, entry.rows) * rowCost);
  }
}

function keyOf(entry: Entry): string {
  return entry.alone ? ALONE : entry.joinKey;
}

function lastOf({
  lanes,
}: {
  readonly lanes: ReadonlySet<{ readonly entries: { readonly leaf: Entry | undefined } }>;
}): Entry | undefined {
  for (const { entries } of lanes) return entries.leaf;
  return undefined;
}
