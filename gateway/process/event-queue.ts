// Events that wait for the one who reads them, in order.
//
// 1. The last one who began to read reads alone: whoever read before may be gone without a word.

import { systemClock } from "../../runtime/base/index.ts";

export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #reader = 0;
  #wake: (() => void) | undefined;

  push(event: Event): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** Each event as it comes, and undefined whenever none came for `quietMs`; ends when another begins to read. */
  async *read(quietMs: number): AsyncGenerator<Event | undefined, void, undefined> {
    const reader = ++this.#reader;
    this.#wake?.();
    for (;;) {
      if (this.#events.length === 0) await this.#wait(quietMs);
      if (reader !== this.#reader) return; // invariant 1
      yield this.#events.shift();
    }
  }

  async #wait(quietMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = systemClock.timer(quietMs, resolve);
    this.#wake = resolve;
    await promise;
    timer.cancel();
  }
}
