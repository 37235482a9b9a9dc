// A binary heap whose items know where they are, so that one can be taken out of the middle or moved when its key changes.
//
// 1. `place` is told of every move, with -1 when an item leaves; whoever owns the item keeps the index.
// 2. Every operation costs O(log n), but for `leading`, which says what it costs.

export interface HeapOrder<T> {
  readonly before: (a: T, b: T) => boolean;
  readonly place: (item: T, index: number) => void;
}

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: HeapOrder<T>["before"];
  readonly #place: HeapOrder<T>["place"];

  constructor({ before, place }: HeapOrder<T>) {
    this.#before = before;
    this.#place = place;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The first; undefined when empty. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** Some item that has none behind it: a late one, seldom the very last. */
  get leaf(): T | undefined {
    return this.#items.at(-1);
  }

  /** All, in no order; not to be kept. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** The first ones in order, up to `count`: costs O(count²), whatever the size. */
  leading(count: number): T[] {
    const found: T[] = [];
    const candidates = this.#items.length > 0 ? [0] : [];
    while (found.length < count && candidates.length > 0) {
      let best = 0;
      for (let other = 1; other < candidates.length; other++) {
        if (this.#isBefore(candidates[other], candidates[best])) best = other;
      }
      const [index = 0] = candidates.splice(best, 1);
      const item = this.#items[index];
      if (item !== undefined) found.push(item);
      for (const below of [2 * index + 1, 2 * index + 2]) {
        if (below < this.#items.length) candidates.push(below);
      }
    }
    return found;
  }

  push(item: T): void {
    const index = this.#items.length;
    this.#items.push(item);
    this.#place(item, index);
    this.#rise(item, index);
  }

  removeAt(index: number): void {
    const item = this.#items[index];
    const last = this.#items.pop();
    if (item === undefined || last === undefined) return;
    if (last !== item) {
      this.#items[index] = last;
      this.#place(last, index);
      this.moved(index);
    }
    this.#place(item, -1);
  }

  /** The key of the item at `index` changed. */
  moved(index: number): void {
    const item = this.#items[index];
    if (item !== undefined && !this.#rise(item, index)) this.#sink(item, index);
  }

  #isBefore(one: number | undefined, other: number | undefined): boolean {
    const [a, b] = [this.#items[one ?? -1], this.#items[other ?? -1]];
    return a !== undefined && b !== undefined && this.#before(a, b);
  }

  #rise(item: T, from: number): boolean {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#items[index] = parent;
      this.#place(parent, index);
      index = above;
    }
    if (index === from) return false;
    this.#items[index] = item;
    this.#place(item, index);
    return true;
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      let child = this.#items[below];
      if (child === undefined) break;
      const right = this.#items[below + 1];
      if (right !== undefined && this.#before(right, child)) {
        child = right;
        below++;
      }
      if (!this.#before(child, item)) break;
      this.#items[index] = child;
      this.#place(child, index);
      index = below;
    }
    if (index === from) return;
    this.#items[index] = item;
    this.#place(item, index);
  }
}
