// The references that live in this process, counted by object.
//
// 1. The head knows a process as holder of an object from its first reference here to the garbage collection of the
//    last; between those it is told nothing.
// 2. Releases are told in batches: a garbage collection finds many at once.

import type { Id } from "../workers/messages.ts";

export interface Holder {
  hold(objects: readonly Id[]): void;
  release(objects: readonly Id[]): void;
}

const RELEASE_DELAY_MS = 20;

export class ReferenceTable {
  readonly #holder: Holder;
  readonly #counts = new Map<Id, number>();
  readonly #collected = new FinalizationRegistry<Id>((id) => this.#drop(id));
  #released = new Set<Id>();

  constructor(holder: Holder) {
    this.#holder = holder;
  }

  /** Counts a reference; `held` when the head knows this process as a holder already. */
  add(reference: object, id: Id, held: boolean): void {
    const count = this.#counts.get(id) ?? 0;
    this.#counts.set(id, count + 1);
    this.#collected.register(reference, id);
    // Invariant 1. One whose release was not told yet is held still.
    if (count === 0 && !held && !this.#released.delete(id)) this.#holder.hold([id]);
  }

  /** Objects that are referred to here. */
  get size(): number {
    return this.#counts.size;
  }

  /** Tells at once what was collected so far. */
  flush(): void {
    this.#tell();
  }

  #drop(id: Id): void {
    const count = (this.#counts.get(id) ?? 1) - 1;
    if (count > 0) {
      this.#counts.set(id, count);
      return;
    }
    this.#counts.delete(id);
    if (this.#released.size === 0) setTimeout(() => this.#tell(), RELEASE_DELAY_MS).unref();
    this.#released.add(id);
  }

  /** Invariant 2. */
  #tell(): void {
    if (this.#released.size === 0) return;
    const released = [...this.#released];
    this.#released.clear();
    this.#holder.release(released);
  }
}
