// The replicas of a deployment in the order in which they are given batches.
//
// 1. `ready` has exactly those that may be sent a batch now: fewest batches first, then the faster, then the older.
// 2. Nothing looks at all replicas but a change of the policy.

import { Heap } from "./heap.ts";
import type { DispatchPolicy } from "./policy.ts";
import type { ReplicaLink } from "./replica-link.ts";
import { Slot } from "./slot.ts";

type Bounds = Pick<DispatchPolicy, "maxConcurrentBatches" | "maxOngoingRequests">;

export class SlotPool {
  readonly #slots = new Map<string, Slot>();
  readonly #ready = new Heap<Slot>({
    before: readyBefore,
    place: (slot, index) => {
      slot.readyIndex = index;
    },
  });
  readonly #busy = new Heap<Slot>({
    before: (a, b) => a.freeAtMs < b.freeAtMs,
    place: (slot, index) => {
      slot.busyIndex = index;
    },
  });
  #bounds: Bounds;
  #order = 0;
  #barred = 0;
  #slow = 0;
  #idle = 0;
  #room = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** All there are. */
  get size(): number {
    return this.#slots.size;
  }

  /** Those that are neither lost nor ejected. */
  get usable(): number {
    return this.#slots.size - this.#barred;
  }

  /** Those that may be sent a batch and have none. */
  get idle(): number {
    return this.#idle;
  }

  /** Those that may be sent a batch. */
  get ready(): number {
    return this.#ready.size;
  }

  /** Batches that they may be sent now, all together. */
  get room(): number {
    return this.#room;
  }

  /** The one to be sent the next batch. */
  get best(): Slot | undefined {
    return this.#ready.first;
  }

  /** The one that is free next of those with something to do. */
  get nextFree(): Slot | undefined {
    return this.#busy.first;
  }

  /** So many of those with something to do, the one that is free next first; fewer when there are no more. */
  nextToBeFree(count: number): readonly Slot[] {
    return this.#busy.leading(count);
  }

  /** Most are slower than they were: then it is the model that changed, not a replica. */
  get mostAreSlow(): boolean {
    return 2 * this.#slow > this.#slots.size;
  }

  /** The ids of those that lost a batch and were not restored. */
  get lost(): readonly string[] {
    return this.#barred === 0 ? [] : [...this.#slots].flatMap(([id, { lost }]) => (lost ? [id] : []));
  }

  get(id: string): Slot | undefined {
    return this.#slots.get(id);
  }

  has(slot: Slot): boolean {
    return this.#slots.get(slot.link.id) === slot;
  }

  add(link: ReplicaLink): void {
    this.remove(link.id);
    const slot = new Slot(link, this.#order++);
    this.#slots.set(link.id, slot);
    this.refresh(slot);
  }

  remove(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    if (slot.barred) this.#barred--;
    if (slot.slowness > 0) this.#slow--;
    this.#withdraw(slot);
    if (slot.busyIndex >= 0) this.#busy.removeAt(slot.busyIndex);
    this.#slots.delete(id);
  }

  setLost(slot: Slot, lost: boolean): void {
    const before = slot.barred;
    slot.lost = lost;
    this.#bar(slot, before);
  }

  setEjected(slot: Slot, ejected: boolean): void {
    const before = slot.barred;
    slot.ejected = ejected;
    this.#bar(slot, before);
  }

  #bar(slot: Slot, before: boolean): void {
    if (slot.barred === before || !this.has(slot)) return;
    this.#barred += slot.barred ? 1 : -1;
    this.refresh(slot);
  }

  /** Takes in how long a batch took as a share of what was expected. */
  ran(slot: Slot, share: number): void {
    const before = slot.slowness;
    slot.ran(share);
    if (!this.has(slot) || before === slot.slowness) return;
    this.#slow += Number(slot.slowness > 0) - Number(before > 0);
    this.refresh(slot);
  }

  setBounds(bounds: Bounds): void {
    this.#bounds = bounds;
    for (const slot of this.#slots.values()) this.refresh(slot);
  }

  /** Something about a slot changed (invariant 1). */
  refresh(slot: Slot): void {
    if (!this.has(slot)) return;
    this.#withdraw(slot);
    const { maxConcurrentBatches, maxOngoingRequests } = this.#bounds;
    const room = slot.ongoingBatches < maxConcurrentBatches && slot.ongoingRequests < maxOngoingRequests;
    if (room && !slot.barred && !slot.reserved) {
      this.#ready.push(slot);
      slot.countedRoom = Math.min(
        maxConcurrentBatches - slot.ongoingBatches,
        maxOngoingRequests - slot.ongoingRequests,
      );
      this.#room += slot.countedRoom;
      if (slot.ongoingBatches === 0) {
        this.#idle++;
        slot.countedIdle = true;
      }
    }
    if (slot.ongoingBatches > 0 && !slot.barred) {
      if (slot.busyIndex < 0) this.#busy.push(slot);
      else this.#busy.moved(slot.busyIndex);
    } else if (slot.busyIndex >= 0) this.#busy.removeAt(slot.busyIndex);
  }

  #withdraw(slot: Slot): void {
    if (slot.readyIndex >= 0) this.#ready.removeAt(slot.readyIndex);
    if (slot.countedIdle) this.#idle--;
    this.#room -= slot.countedRoom;
    slot.countedRoom = 0;
    slot.countedIdle = false;
  }
}

function readyBefore(a: Slot, b: Slot): boolean {
  if (a.ongoingBatches !== b.ongoingBatches) return a.ongoingBatches < b.ongoingBatches;
  return a.slowness === b.slowness ? a.order < b.order : a.slowness < b.slowness;
}
