// The replicas of one deployment in virtual time: they take a while to start, cost from being asked for until they are
// gone, die, and are replaced.
//
// 1. Down: those still starting go first, the youngest first; then the youngest of the ready ones, which finish what they have.
// 2. A replica costs from the moment it is asked for to the moment it is gone.

import type { Timer } from "../../../runtime/base/index.ts";
import type { Random } from "../kernel/random.ts";
import type { VirtualTime } from "../kernel/virtual-time.ts";
import type { ServiceProfile } from "./service-profile.ts";
import { SimulatedReplica } from "./simulated-replica.ts";

export interface FleetOptions {
  readonly time: VirtualTime;
  readonly profile: ServiceProfile;
  readonly random: Random;
  readonly hopMs: number;
  readonly startUpMs: number;
  /** Relative standard deviation of start-ups. Default 0.2. */
  readonly startUpNoise?: number;
  /** Start-ups take 1 + this share longer for every other that runs at the same time, as on a busy disk. Default 0. */
  readonly startUpContention?: number;
  /** Mean time between deaths of one replica. Default never. */
  readonly mtbfMs?: number;
  /** How many times slower the replica of this number is at this time. Default 1. */
  readonly slowness?: (replica: number, nowMs: number) => number;
  /** It can take work. */
  readonly onReady: (replica: SimulatedReplica) => void;
  /** It gets no more work; `gone` is to be called when it has none. */
  readonly onRetire: (replica: SimulatedReplica, gone: () => void) => void;
  /** It died; what it had is lost. */
  readonly onDeath: (replica: SimulatedReplica) => void;
  /** A replica became ready so long after it was asked for. */
  readonly onStarted?: (startUpMs: number) => void;
}

interface Starting {
  readonly timer: Timer;
  readonly askedMs: number;
}

/** Numbers of replicas at a moment. */
export interface FleetMoment {
  readonly atMs: number;
  readonly target: number;
  readonly ready: number;
}

export class Fleet {
  readonly #options: FleetOptions;
  readonly #random: Random;
  #target = 0;
  #numbered = 0;
  readonly #starting: Starting[] = [];
  readonly #ready: SimulatedReplica[] = [];
  /** Ready, starting and on their way out. */
  #paid = 0;
  #paidMs = 0;
  #accountedMs = 0;
  readonly history: FleetMoment[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#random = options.random.fork("fleet");
  }

  get target(): number {
    return this.#target;
  }

  get ready(): number {
    return this.#ready.length;
  }

  get starting(): number {
    return this.#starting.length;
  }

  /** Milliseconds of replicas, as of now (invariant 2). */
  get replicaMs(): number {
    this.#account();
    return this.#paidMs;
  }

  /** Begins with so many, ready. */
  begin(replicas: number): void {
    this.#target = replicas;
    for (let n = 0; n < replicas; n++) {
      this.#pay(1);
      this.#join();
    }
    this.#note();
  }

  scaleTo(target: number): void {
    if (target === this.#target) return;
    this.#target = target;
    while (this.#ready.length + this.#starting.length < target) this.#start();
    while (this.#ready.length + this.#starting.length > target) this.#stopOne();
    this.#note();
  }

  #start(): void {
    const { time, startUpMs, startUpNoise = 0.2, startUpContention = 0 } = this.#options;
    this.#pay(1);
    const takesMs =
      startUpMs * this.#random.logNormal(startUpNoise) * (1 + startUpContention * this.#starting.length);
    const starting: Starting = {
      askedMs: time.nowMs(),
      timer: time.timer(takesMs, () => {
        this.#starting.splice(this.#starting.indexOf(starting), 1);
        this.#options.onStarted?.(time.nowMs() - starting.askedMs);
        this.#join();
        this.#note();
      }),
    };
    this.#starting.push(starting);
  }

  /** Invariant 1. */
  #stopOne(): void {
    const starting = this.#starting.pop();
    if (starting !== undefined) {
      starting.timer.cancel();
      this.#pay(-1);
      return;
    }
    const replica = this.#ready.pop();
    if (replica !== undefined) this.#options.onRetire(replica, () => this.#pay(-1));
  }

  #join(): void {
    const { time, profile, hopMs, mtbfMs, slowness, onReady } = this.#options;
    const number = this.#numbered++;
    const replica = new SimulatedReplica({
      id: `replica-${number}`,
      time,
      profile,
      hopMs,
      random: this.#random.fork(`service ${number}`),
      slowness: (nowMs) => slowness?.(number, nowMs) ?? 1,
    });
    this.#ready.push(replica);
    if (mtbfMs !== undefined) time.timer(this.#random.exponential(mtbfMs), () => this.#die(replica));
    onReady(replica);
  }

  #die(replica: SimulatedReplica): void {
    const index = this.#ready.indexOf(replica);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    this.#pay(-1);
    replica.kill();
    this.#options.onDeath(replica);
    this.#start();
    this.#note();
  }

  #pay(more: number): void {
    this.#account();
    this.#paid += more;
  }

  #account(): void {
    const nowMs = this.#options.time.nowMs();
    this.#paidMs += this.#paid * (nowMs - this.#accountedMs);
    this.#accountedMs = nowMs;
  }

  #note(): void {
    this.history.push({
      atMs: this.#options.time.nowMs(),
      target: this.#target,
      ready: this.#ready.length,
    });
  }
}
