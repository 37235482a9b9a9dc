// The entries admitted and not settled, the earliest deadline first.
//
// Not a Set: one that is added to and deleted from all the time grows a chain of outgrown tables, each of which
// keeps its successor, and all entries in them, alive until the next full garbage collection.

import type { Entry } from "./entry.ts";
import { Heap } from "./heap.ts";

export class OpenEntries {
  readonly #entries = new Heap<Entry>({
    before: (a, b) => a.deadlineMs < b.deadlineMs,
    place: (entry, index) => {
      entry.openIndex = index;
    },
  });

  get size(): number {
    return this.#entries.size;
  }

  /** Whose deadline is next. */
  get first(): Entry | undefined {
    return this.#entries.first;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  delete(entry: Entry): void {
    if (entry.openIndex >= 0) this.#entries.removeAt(entry.openIndex);
  }

  /** The deadline of one changed. */
  moved(entry: Entry): void {
    if (entry.openIndex >= 0) this.#entries.moved(entry.openIndex);
  }

  /** All of them as of now, in no order. */
  all(): Entry[] {
    return [...this.#entries.items];
  }
}
