// What is to happen, by time: a binary heap.
//
// 1. Events of the same moment come in the order in which they were added.
// 2. A cancelled event stays in the heap until its time, as nothing.

export class SimulatedEvent {
  readonly atMs: number;
  readonly order: number;
  fire: (() => void) | undefined;

  constructor(atMs: number, order: number, fire: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.fire = fire;
  }

  cancel(): void {
    this.fire = undefined; // invariant 2
  }
}

export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The time of the next event; Infinity when there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, fire: () => void): SimulatedEvent {
    const event = new SimulatedEvent(atMs, this.#added++, fire);
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(event, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
    return event;
  }

  take(): SimulatedEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      let below = left;
      let child = heap[left];
      const right = heap[left + 1];
      if (child === undefined) break;
      if (right !== undefined && before(right, child)) {
        below = left + 1;
        child = right;
      }
      if (!before(child, last)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = last;
    return first;
  }
}

/** Invariant 1. */
function before(one: SimulatedEvent, other: SimulatedEvent): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
