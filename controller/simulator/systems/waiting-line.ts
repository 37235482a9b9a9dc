// Requests in order of arrival, as other systems queue them. Those whose client has gone are passed over.
//
// 1. A request is in one line at most, and knows which.

import type { SimulatedRequest } from "./serving-system.ts";

export class WaitingLine {
  #items: { readonly request: SimulatedRequest; readonly enteredMs: number }[] = [];
  #first = 0;
  #length = 0;

  /** Those that still wait. */
  get length(): number {
    return this.#length;
  }

  /** When the oldest came; Infinity when there is none. */
  get headMs(): number {
    this.#skip();
    return this.#items[this.#first]?.enteredMs ?? Number.POSITIVE_INFINITY;
  }

  /** When the youngest came; -Infinity when there is none. */
  get tailMs(): number {
    return this.#length === 0 ? Number.NEGATIVE_INFINITY : (this.#items.at(-1)?.enteredMs ?? 0);
  }

  push(request: SimulatedRequest, enteredMs: number): void {
    this.#items.push({ request, enteredMs });
    request.line = this; // invariant 1
    this.#length++;
  }

  /** One that waits here, and is `over`, has gone. */
  leave(request: SimulatedRequest): void {
    request.line = undefined;
    this.#length--;
  }

  /** Up to so many, the oldest first. */
  take(count: number): SimulatedRequest[] {
    const taken: SimulatedRequest[] = [];
    while (taken.length < count && this.#length > 0) {
      this.#skip();
      const item = this.#items[this.#first++];
      if (item === undefined) break;
      this.#length--;
      item.request.line = undefined;
      taken.push(item.request);
    }
    if (this.#first > 1_024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return taken;
  }

  #skip(): void {
    while (this.#items[this.#first]?.request.over === true) this.#first++;
  }
}
