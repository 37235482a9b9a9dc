// Connections to one server: a request goes out at once, on a free connection or a new one.
//
// 1. Never more than `maxConnections`; only then does a request wait, first come, first served, and each that
//    waited is told with how long it did.
// 2. The connection used last is used first, so what a burst opened grows old; older than `maxIdleMs` a
//    connection is not used again, since the server may be closing it that very moment.

import type { Answer } from "./answer-reader.ts";
import { type Address, Connection, type ConnectionEvents } from "./connection.ts";
import type { Flight } from "./flight.ts";

export interface PoolOptions {
  readonly address: Address;
  readonly maxConnections: number;
  readonly maxIdleMs: number;
}

export interface PoolEvents {
  onAnswer(flight: Flight, answer: Answer): void;
  onRefused(flight: Flight, cause: string): void;
  onLost(flight: Flight, cause: string, onReuse: boolean): void;
  onTwice(flight: Flight): void;
  /** A request had to wait for a connection, and got one or was given up. */
  onDelayed(flight: Flight, waitedMs: number): void;
}

export class Pool implements Disposable {
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #connectionEvents: ConnectionEvents;
  readonly #open = new Set<Connection>();
  readonly #free: Connection[] = [];
  /** In order of arrival, with the time since when each waits. */
  readonly #waiting = new Map<Flight, number>();
  #opened = 0;
  #peak = 0;

  constructor(options: PoolOptions, events: PoolEvents) {
    this.#options = options;
    this.#events = events;
    this.#connectionEvents = {
      onAnswer: (flight, answer) => events.onAnswer(flight, answer),
      onRefused: (flight, cause) => events.onRefused(flight, cause),
      onLost: (flight, cause, onReuse) => events.onLost(flight, cause, onReuse),
      onTwice: (flight) => events.onTwice(flight),
      onFree: (connection) => this.#onFree(connection),
      onClosed: (connection) => {
        this.#open.delete(connection);
        const next = this.#nextWaiting();
        if (next !== undefined) this.send(next);
      },
    };
  }

  /** Connections opened so far, and the most at a time. */
  get figures(): { readonly opened: number; readonly peak: number } {
    return { opened: this.#opened, peak: this.#peak };
  }

  send(flight: Flight): void {
    flight.abandon = undefined;
    const free = this.#takeFree();
    if (free !== undefined) {
      free.send(flight);
    } else if (this.#open.size < this.#options.maxConnections) {
      this.#open.add(Connection.open(this.#options.address, flight, this.#connectionEvents));
      this.#opened++;
      this.#peak = Math.max(this.#peak, this.#open.size);
    } else {
      this.#waiting.set(flight, performance.now()); // invariant 1
      flight.abandon = () => this.#stopWaiting(flight);
    }
  }

  /** Closes every connection; requests under way would be lost. */
  [Symbol.dispose](): void {
    this.#waiting.clear();
    for (const connection of this.#open) connection.close();
  }

  /** Invariant 2. */
  #takeFree(): Connection | undefined {
    for (let last = this.#free.pop(); last !== undefined; last = this.#free.pop()) {
      const sinceMs = last.freeSinceMs;
      if (sinceMs === undefined) continue;
      if (performance.now() - sinceMs < this.#options.maxIdleMs) return last;
      last.close();
    }
    return undefined;
  }

  #onFree(connection: Connection): void {
    const next = this.#nextWaiting();
    if (next === undefined) this.#free.push(connection);
    else connection.send(next);
  }

  #nextWaiting(): Flight | undefined {
    for (const flight of this.#waiting.keys()) {
      this.#stopWaiting(flight);
      return flight;
    }
    return undefined;
  }

  #stopWaiting(flight: Flight): void {
    const sinceMs = this.#waiting.get(flight) ?? 0;
    this.#waiting.delete(flight);
    this.#events.onDelayed(flight, performance.now() - sinceMs);
  }
}
