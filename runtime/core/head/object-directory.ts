// What the head knows of every object: whether it is there, where, who holds it and who waits for it.
//
// 1. An entry lives exactly as long as something holds it: a process with references to it, a task that needs it as
//    an argument, or an object that contains a reference to it.
// 2. An object becomes ready or failed once; only a loss makes it pending again.
// 3. Waiters are told after the state has changed, in the order in which they came.

import { ShoalError } from "../../base/index.ts";
import type { Parts } from "../api/core.ts";
import type { Id } from "../workers/messages.ts";
import { showId } from "../api/ids.ts";

export type ObjectState =
  | { readonly kind: "PENDING" }
  | { readonly kind: "INLINE"; readonly parts: Parts }
  /** In a file of the object store, or spilled to disk by it. */
  | { readonly kind: "STORED"; readonly fileBytes: number }
  | { readonly kind: "FAILED"; readonly error: ShoalError };

export interface ObjectEntry {
  readonly id: Id;
  /** Who made it, for lists: the task or the process. */
  readonly origin: string;
  /** The task that makes it. */
  readonly task: Id | undefined;
  state: ObjectState;
  holders: number;
  contains: readonly Id[];
  /** Mostly none or one: thousands of objects wait at once. */
  waiters: Waiter | Waiter[] | undefined;
}

export type Waiter = (entry: ObjectEntry) => void;

const NOTHING: readonly Id[] = [];

export interface DirectoryEvents {
  /** The last holder of a ready or pending object is gone; its entry is too. */
  onFree(entry: ObjectEntry): void;
}

export class ObjectDirectory {
  readonly #entries = new Map<Id, ObjectEntry>();
  readonly #events: DirectoryEvents;

  constructor(events: DirectoryEvents) {
    this.#events = events;
  }

  /** A pending object with one holder: who makes the reference. */
  create(id: Id, origin: string, task?: Id): ObjectEntry {
    const entry = { id, origin, task, state: PENDING, holders: 1, contains: NOTHING, waiters: undefined };
    this.#entries.set(id, entry);
    return entry;
  }

  find(id: Id): ObjectEntry | undefined {
    return this.#entries.get(id);
  }

  entries(): IterableIterator<ObjectEntry> {
    return this.#entries.values();
  }

  get size(): number {
    return this.#entries.size;
  }

  hold(id: Id): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.holders++;
  }

  release(id: Id): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || --entry.holders > 0) return;
    this.#entries.delete(id); // invariant 1
    for (const inner of entry.contains) this.release(inner);
    this.#events.onFree(entry);
  }

  /** The references in `contains` are held from now on, by the object. Without an entry nobody wants it any more. */
  settle(id: Id, state: ObjectState, contains: readonly Id[] = NOTHING): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state.kind !== "PENDING") return false; // invariant 2
    for (const inner of contains) this.hold(inner);
    entry.contains = contains;
    entry.state = state;
    const { waiters } = entry;
    entry.waiters = undefined;
    if (typeof waiters === "function") waiters(entry);
    else if (waiters !== undefined) for (const waiter of waiters) waiter(entry); // invariant 3
    return true;
  }

  /** A stored object was lost: it is pending until it is made again. */
  reopen(id: Id): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    for (const inner of entry.contains) this.release(inner);
    entry.contains = NOTHING;
    entry.state = PENDING;
  }

  /** Calls `waiter` once the object is ready or failed, now if it is; returns how to stop waiting. */
  whenSettled(id: Id, waiter: Waiter): () => void {
    const entry = this.#entries.get(id) ?? lost(id);
    if (entry.state.kind === "PENDING") {
      addWaiter(entry, waiter);
      return () => removeWaiter(entry, waiter);
    }
    waiter(entry);
    return () => {};
  }

  /** The same for one of many: false, and nothing is called, when the object is settled; stopped by `unlisten`. */
  listen(id: Id, waiter: Waiter): boolean {
    const entry = this.#entries.get(id);
    if (entry?.state.kind !== "PENDING") return false;
    addWaiter(entry, waiter);
    return true;
  }

  unlisten(id: Id, waiter: Waiter): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) removeWaiter(entry, waiter);
  }
}

function addWaiter(entry: ObjectEntry, waiter: Waiter): void {
  const { waiters } = entry;
  if (waiters === undefined) entry.waiters = waiter;
  else if (typeof waiters === "function") entry.waiters = [waiters, waiter];
  else waiters.push(waiter);
}

function removeWaiter(entry: ObjectEntry, waiter: Waiter): void {
  const { waiters } = entry;
  if (waiters === waiter) entry.waiters = undefined;
  if (!Array.isArray(waiters)) return;
  const at = waiters.indexOf(waiter);
  if (at >= 0) waiters.splice(at, 1);
}

const PENDING: ObjectState = { kind: "PENDING" };

/** What stands for an object that nothing holds: its holder has died, or the reference was made by hand. */
function lost(id: Id): ObjectEntry {
  const error = new ShoalError("OBJECT_LOST", `Cannot find object ${showId(id)}: its last holder is gone`);
  return {
    id,
    origin: "",
    task: undefined,
    state: { kind: "FAILED", error },
    holders: 0,
    contains: NOTHING,
    waiters: undefined,
  };
}
