// The waiting requests of one deployment: in order of arrival, and per join key, so that taking the oldest
// and its like, and taking one out of the middle, both cost the same however long the queue is.
//
// 1. An entry is in both lists or in neither.
// 2. An entry that is `alone` shares no batch.

import type { Entry } from "./entry.ts";

interface Alike {
  first: Entry | undefined;
  last: Entry | undefined;
  rows: number;
}

/** Join keys kept though nothing of them waits: the next request will have one of these again. */
const MAX_IDLE_KEYS = 16;

export class RequestQueue {
  #first: Entry | undefined;
  #last: Entry | undefined;
  #length = 0;
  readonly #alike = new Map<string, Alike>();

  get length(): number {
    return this.#length;
  }

  /** The entry that has waited longest. */
  get head(): Entry | undefined {
    return this.#first;
  }

  /** Rows queued that could share a batch with the head, itself included. */
  get headRows(): number {
    const head = this.#first;
    if (head === undefined) return 0;
    return head.alone ? head.rows : (this.#alike.get(head.joinKey)?.rows ?? 0);
  }

  push(entry: Entry): void {
    entry.previous = this.#last;
    entry.next = undefined;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;

    const alike = this.#alikeOf(entry);
    entry.previousAlike = alike.last;
    entry.nextAlike = undefined;
    if (alike.last === undefined) alike.first = entry;
    else alike.last.nextAlike = entry;
    alike.last = entry;
    alike.rows += entry.rows;
    this.#length++;
  }

  /** Puts back what was taken out before everything that waits now. */
  pushFront(entry: Entry): void {
    entry.next = this.#first;
    entry.previous = undefined;
    if (this.#first === undefined) this.#last = entry;
    else this.#first.previous = entry;
    this.#first = entry;

    const alike = this.#alikeOf(entry);
    entry.nextAlike = alike.first;
    entry.previousAlike = undefined;
    if (alike.first === undefined) alike.last = entry;
    else alike.first.previousAlike = entry;
    alike.first = entry;
    alike.rows += entry.rows;
    this.#length++;
  }

  remove(entry: Entry): void {
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;

    const alike = this.#alikeOf(entry);
    if (entry.previousAlike === undefined) alike.first = entry.nextAlike;
    else entry.previousAlike.nextAlike = entry.nextAlike;
    if (entry.nextAlike === undefined) alike.last = entry.previousAlike;
    else entry.nextAlike.previousAlike = entry.previousAlike;
    alike.rows -= entry.rows;
    if (alike.first === undefined && this.#alike.size > MAX_IDLE_KEYS) this.#alike.delete(entry.joinKey);

    entry.previous = entry.next = entry.previousAlike = entry.nextAlike = undefined;
    this.#length--;
  }

  /** Takes the head and its like, oldest first, up to `limits`; the head is taken whatever its size. */
  take(limits: { readonly rows: number; readonly requests: number }): Entry[] {
    const taken: Entry[] = [];
    let entry = this.#first;
    let rows = 0;
    while (entry !== undefined) {
      if (taken.length > 0 && (entry.alone || rows + entry.rows > limits.rows)) break;
      const { nextAlike } = entry;
      this.remove(entry);
      taken.push(entry);
      rows += entry.rows;
      if (entry.alone || taken.length >= limits.requests) break; // invariant 2
      entry = nextAlike;
    }
    return taken;
  }

  #alikeOf(entry: Entry): Alike {
    let alike = this.#alike.get(entry.joinKey);
    if (alike === undefined) {
      alike = { first: undefined, last: undefined, rows: 0 };
      this.#alike.set(entry.joinKey, alike);
    }
    return alike;
  }
}
