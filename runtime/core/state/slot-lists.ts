// Doubly linked lists over the numbered slots of a table, held in typed arrays: appending, removing and finding
// the oldest cost no allocation and no search.
//
// 1. A slot is in at most one list at a time; who moves it removes it first.

export class SlotLists {
  readonly #slots: number;
  /** Behind the slots' entries stands one for each list: its end, which closes the ring. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(slots: number, lists: number) {
    this.#slots = slots;
    this.#next = new Int32Array(slots + lists);
    this.#previous = new Int32Array(slots + lists);
    for (let list = 0; list < lists; list++) this.#link(slots + list, slots + list);
  }

  /** Puts a slot that is in no list at the end of `list`. */
  append(list: number, slot: number): void {
    const end = this.#slots + list;
    this.#link(this.#previous[end] ?? end, slot);
    this.#link(slot, end);
  }

  /** Takes a slot out of the list it is in. */
  remove(slot: number): void {
    this.#link(this.#previous[slot] ?? slot, this.#next[slot] ?? slot);
  }

  /** The slot that was appended first; -1 when the list is empty. */
  first(list: number): number {
    const end = this.#slots + list;
    const first = this.#next[end] ?? end;
    return first === end ? -1 : first;
  }

  #link(slot: number, next: number): void {
    this.#next[slot] = next;
    this.#previous[next] = slot;
  }
}
