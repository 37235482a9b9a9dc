// One replica in virtual time: runs batches one after the other, each as long as its profile says, and can die.
//
// 1. One batch runs at a time; what comes meanwhile waits here, in order.
// 2. Every batch that was handed over ends exactly once: done, lost when the replica dies, or too late when it could not
//    begin in time.

import type { Timer } from "../../../runtime/base/index.ts";
import type { Random } from "../kernel/random.ts";
import type { VirtualTime } from "../kernel/virtual-time.ts";
import { batchMs, type ServiceProfile } from "./service-profile.ts";

export type RunEnd = "done" | "lost" | "late";

export interface RunOptions {
  readonly rows: number;
  /** It is not begun after this. Default Infinity. */
  readonly latestStartMs?: number;
  /** Told how it ended, and for how long it ran. */
  readonly ended: (end: RunEnd, ranMs: number) => void;
}

export interface ReplicaOptions {
  readonly id: string;
  readonly time: VirtualTime;
  readonly profile: ServiceProfile;
  readonly random: Random;
  /** How many times slower than the profile it is now; looked at when a batch begins. */
  readonly slowness: (nowMs: number) => number;
  /** On the wire, there and back. */
  readonly hopMs: number;
}

export class SimulatedReplica {
  readonly id: string;
  readonly #options: ReplicaOptions;
  readonly #runs = new Set<{ readonly timer: Timer; readonly ended: RunOptions["ended"] }>();
  #freeMs = 0;
  #workedMs = 0;
  #dead = false;

  constructor(options: ReplicaOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** Batches it has. */
  get running(): number {
    return this.#runs.size;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Time in which it ran batches. */
  get workedMs(): number {
    return this.#workedMs;
  }

  run({ rows, latestStartMs = Number.POSITIVE_INFINITY, ended }: RunOptions): void {
    const { time, profile, random, slowness, hopMs } = this.#options;
    if (this.#dead) {
      ended("lost", 0);
      return;
    }
    const arrivesMs = time.nowMs() + hopMs / 2;
    const startMs = Math.max(arrivesMs, this.#freeMs); // invariant 1
    const late = startMs > latestStartMs;
    const ranMs = late ? 0 : batchMs(profile, rows) * slowness(startMs) * random.logNormal(profile.noise);
    this.#freeMs = startMs + ranMs;
    this.#workedMs += ranMs;
    const run = {
      ended,
      timer: time.at(this.#freeMs + hopMs / 2, () => {
        this.#runs.delete(run);
        ended(late ? "late" : "done", ranMs); // invariant 2
      }),
    };
    this.#runs.add(run);
  }

  /** What it has is lost. */
  kill(): void {
    this.#dead = true;
    const runs = [...this.#runs];
    this.#runs.clear();
    for (const { timer, ended } of runs) {
      timer.cancel();
      ended("lost", 0);
    }
  }
}
