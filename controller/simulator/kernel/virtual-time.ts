// A clock whose time is that of the next event. The product's classes run on it unchanged: their timers are events.
//
// 1. Between two events every promise that can settle does, so that nothing happens at a later time than it would.
// 2. `afterTurn` runs when all events of the moment have happened, as the real one does when the sockets were read.
// 3. Time does not go back, and a run of the same events is the same run.

import { type Clock, sleepOn, type Timer } from "../../../runtime/base/index.ts";
import { EventQueue } from "./event-queue.ts";

/** Events run per turn of the real event loop. */
const PER_TURN = 256;

export class VirtualTime implements Clock {
  readonly #events = new EventQueue();
  #turns: (() => void)[] = [];
  #nowMs = 0;
  #happened = 0;

  /** Events so far. */
  get happened(): number {
    return this.#happened;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, fire: () => void): Timer {
    return this.#events.add(this.#nowMs + Math.max(0, delayMs), fire);
  }

  /** At a time, not after one; at once when it is over. */
  at(atMs: number, fire: () => void): Timer {
    return this.#events.add(Math.max(this.#nowMs, atMs), fire);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** For `DispatcherOptions.afterTurn` (invariant 2). */
  readonly afterTurn = (fire: () => void): void => {
    this.#turns.push(fire);
  };

  /** Runs everything up to and including `untilMs`; rejects with what an event throws. */
  run(untilMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let running = true;
    // One immediate an event: the event loop settles promises between immediates (invariant 1), at 0.1 µs each.
    const step = (): void => {
      if (!running) return;
      try {
        if (this.#step(untilMs)) return;
        running = false;
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        resolve();
      } catch (thrown) {
        running = false;
        reject(thrown);
      }
    };
    const turn = (): void => {
      if (!running) return;
      for (let n = 0; n < PER_TURN; n++) setImmediate(step);
      setImmediate(turn);
    };
    setImmediate(turn);
    return promise;
  }

  /** One event, or the end of a moment; false when nothing is left until `untilMs`. */
  #step(untilMs: number): boolean {
    const nextMs = this.#events.nextMs;
    if (this.#turns.length > 0 && nextMs > this.#nowMs) {
      const turns = this.#turns;
      this.#turns = [];
      for (const fire of turns) fire();
      return true;
    }
    if (nextMs > untilMs) return false;
    const event = this.#events.take();
    this.#nowMs = nextMs; // invariant 3
    if (event?.fire === undefined) return true;
    this.#happened++;
    event.fire();
    return true;
  }
}
