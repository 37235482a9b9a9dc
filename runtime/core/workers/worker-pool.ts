// The worker processes that wait for work, by environment, and the starting of more.
//
// 1. A worker is idle here or taken; the idle one used last is given out first: it is the warmest.
// 2. Of the environment that is kept warm – the plain one, unless told otherwise – as many idle workers as `warm` are
//    kept; beyond that, and in other environments, an idle one is retired after `idleMs`.
// 3. Of all other environments together at most `warm`, and one, are idle at a time: the oldest makes room.

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
  /** Idle workers of environments that are not kept warm, the oldest first. */
  readonly #others = new Set<W>();
  #kept: string | undefined = PLAIN;

  constructor(options: PoolOptions<W>) {
    this.#options = options;
  }

  /** Starts what is missing of the workers that are kept ready. */
  warmUp(): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const idle = this.#idle.get(kept)?.length ?? 0;
    for (let count = idle; count < this.#options.warm; count++) this.give(this.#options.start(kept));
  }

  /** Of which environment idle workers are kept from now on; undefined is of none. */
  keepWarm(environment: string | undefined): void {
    this.#kept = environment;
  }

  take(environment: string): W {
    const idle = this.#idle.get(environment)?.pop(); // invariant 1
    idle?.timer?.cancel();
    if (idle !== undefined) this.#others.delete(idle.worker);
    return idle?.worker ?? this.#options.start(environment);
  }

  give(worker: W): void {
    const { environment } = worker;
    let list = this.#idle.get(environment);
    if (list === undefined) {
      list = [];
      this.#idle.set(environment, list);
    }
    const kept = environment === this.#kept && list.length < this.#options.warm;
    list.push({ worker, timer: kept ? undefined : this.#retireLater(worker) });
    if (environment !== this.#kept) this.#makeRoom(worker);
  }

  /** The worker is gone, or is to be. */
  forget(worker: W): void {
    const list = this.#idle.get(worker.environment) ?? [];
    const at = list.findIndex((idle) => idle.worker === worker);
    if (at < 0) return;
    list[at]?.timer?.cancel();
    list.splice(at, 1);
    this.#others.delete(worker);
  }

  /** Cancels every timer; the workers are their owner's to end. */
  close(): void {
    for (const list of this.#idle.values()) for (const { timer } of list) timer?.cancel();
    this.#idle.clear();
    this.#others.clear();
  }

  /** Invariant 3. */
  #makeRoom(latest: W): void {
    this.#others.add(latest);
    const [oldest] = this.#others;
    if (oldest === undefined || this.#others.size <= this.#options.warm + 1) return;
    this.forget(oldest);
    oldest.retire();
  }

  /** Invariant 2. */
  #retireLater(worker: W): Timer {
    return this.#options.clock.timer(this.#options.idleMs, () => {
      this.forget(worker);
      worker.retire();
    });
  }
}
