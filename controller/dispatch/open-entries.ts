// The entries admitted and not settled, as a list linked through the entries themselves.
//
// Not a Set: one that is added to and deleted from all the time grows a chain of outgrown tables, each of which
// keeps its successor, and all entries in them, alive until the next full garbage collection.

import type { Entry } from "./entry.ts";

export class OpenEntries {
  #first: Entry | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entry: Entry): void {
    entry.nextOpen = this.#first;
    entry.previousOpen = undefined;
    if (this.#first !== undefined) this.#first.previousOpen = entry;
    this.#first = entry;
    this.#size++;
  }

  delete(entry: Entry): void {
    if (entry.previousOpen === undefined) this.#first = entry.nextOpen;
    else entry.previousOpen.nextOpen = entry.nextOpen;
    if (entry.nextOpen !== undefined) entry.nextOpen.previousOpen = entry.previousOpen;
    entry.previousOpen = entry.nextOpen = undefined;
    this.#size--;
  }

  /** All of them, the youngest first; the one that was given may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<Entry, void, undefined> {
    for (let entry = this.#first; entry !== undefined; ) {
      const next: Entry | undefined = entry.nextOpen;
      yield entry;
      entry = next;
    }
  }
}
