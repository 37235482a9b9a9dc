// Events that wait for the one who reads them, in order.

import { systemClock } from "../../runtime/base/index.ts";

export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #arrived: (() => void) | undefined;

  push(event: Event): void {
    this.#events.push(event);
    this.#arrived?.();
  }

  /** The next event; undefined when there is none within `timeoutMs`. */
  async next(timeoutMs: number): Promise<Event | undefined> {
    if (this.#events.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = systemClock.timer(timeoutMs, resolve);
      this.#arrived = resolve;
      await promise;
      this.#arrived = undefined;
      timer.cancel();
    }
    return this.#events.shift();
  }
}
