// The worker processes that wait for work, by environment, and the starting of more.
//
// 1. A worker is idle here or taken; the idle one used last is given out first: it is the warmest.
// 2. As many idle workers of the plain environment as `warm` are kept; beyond that, and in other environments,
//    an idle one is retired after `idleMs`.

import type { Clock, Timer } from "../../base/index.ts";

/** What the pool needs to know of a worker. */
export interface Poolable {
  /** Workers are reused within one environment; PLAIN is the driver's own. */
  readonly environment: string;
  /** Ends it; nothing runs on it. */
  retire(): void;
}

export interface PoolOptions<W> {
  readonly warm: number;
  readonly idleMs: number;
  readonly clock: Clock;
  /** Starts a process; messages to it wait until it reads. */
  readonly start: (environment: string) => W;
}

interface Idle<W> {
  readonly worker: W;
  readonly timer: Timer | undefined;
}

export const PLAIN = "";

export class WorkerPool<W extends Poolable> {
  readonly #options: PoolOptions<W>;
  readonly #idle = new Map<string, Idle<W>[]>();

  constructor(options: PoolOptions<W>) {
    this.#options = options;
  }

  /** Starts what is missing of the workers that are kept ready. */
  warmUp(): void {
    const idle = this.#idle.get(PLAIN)?.length ?? 0;
    for (let count = idle; count < this.#options.warm; count++) this.give(this.#options.start(PLAIN));
  }

  take(environment: string): W {
    const idle = this.#idle.get(environment)?.pop(); // invariant 1
    idle?.timer?.cancel();
    return idle?.worker ?? this.#options.start(environment);
  }

  give(worker: W): void {
    const { environment } = worker;
    let list = this.#idle.get(environment);
    if (list === undefined) {
      list = [];
      this.#idle.set(environment, list);
    }
    const kept = environment === PLAIN && list.length < this.#options.warm;
    list.push({ worker, timer: kept ? undefined : this.#retireLater(worker) });
  }

  /** The worker is gone, or is to be. */
  forget(worker: W): void {
    const list = this.#idle.get(worker.environment) ?? [];
    const at = list.findIndex((idle) => idle.worker === worker);
    if (at < 0) return;
    list[at]?.timer?.cancel();
    list.splice(at, 1);
  }

  /** Cancels every timer; the workers are their owner's to end. */
  close(): void {
    for (const list of this.#idle.values()) for (const { timer } of list) timer?.cancel();
    this.#idle.clear();
  }

  /** Invariant 2. */
  #retireLater(worker: W): Timer {
    return this.#options.clock.timer(this.#options.idleMs, () => {
      this.forget(worker);
      worker.retire();
    });
  }
}
