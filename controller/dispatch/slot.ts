// What the dispatcher knows of one replica.

import type { Batch } from "./batch.ts";
import type { ReplicaLink } from "./replica-link.ts";

/** A batch counts for so much in the speed. */
const SPEED_RATE = 0.2;
/** Batches before a replica is held to be slow. */
const SPEED_AFTER = 5;
/** A replica that got nothing for so long is half forgiven. */
const FORGIVEN_MS = 10_000;
/** From this share of the expected time on a replica is slow. */
export const SLOW = 1.5;

export class Slot {
  readonly link: ReplicaLink;
  /** Among replicas; the lower is preferred, so that the last ones are idle when there are too many. */
  readonly order: number;
  /** Those it has, oldest first, also when nobody waits for them any more. */
  readonly batches: Batch[] = [];
  ongoingRequests = 0;
  /** It runs a suspect, which gets no company. */
  reserved = false;
  lost = false;
  /** It is worse than the others: it gets nothing for a while. */
  ejected = false;
  /** When it last answered a batch. */
  answeredMs = Number.NEGATIVE_INFINITY;
  /** When it is expected to have nothing to do; where batches run beside each other, when the next of them is done. */
  freeAtMs = 0;
  readyIndex = -1;
  busyIndex = -1;
  /** Counted by the pool as one that has nothing to do. */
  countedIdle = false;
  /** Batches counted by the pool as such that it could be sent now. */
  countedRoom = 0;
  /** 0 as fast as the others, more for slower ones; what the order among idle ones goes by. */
  slowness = 0;
  #emptied: PromiseWithResolvers<void> | undefined;
  #speed = 1;
  #measured = 0;

  constructor(link: ReplicaLink, order: number) {
    this.link = link;
    this.order = order;
  }

  /** Resolves when it has no batch. */
  whenEmpty(): Promise<void> {
    if (this.batches.length === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers<void>();
    return this.#emptied.promise;
  }

  /** A batch is over, whatever became of it. */
  end(batch: Batch): void {
    this.batches.splice(this.batches.indexOf(batch), 1);
    if (this.batches.length > 0) return;
    this.#emptied?.resolve();
    this.#emptied = undefined;
  }

  /** It may not be sent a batch, room or not. */
  get barred(): boolean {
    return this.lost || this.ejected;
  }

  get ongoingBatches(): number {
    return this.batches.length;
  }

  /** Takes in how long a batch took as a share of what was expected. */
  ran(share: number): void {
    this.#measured++;
    this.#speed += SPEED_RATE * (share - this.#speed);
    if (this.#measured < SPEED_AFTER) return;
    this.slowness = this.#speed < SLOW ? 0 : Math.min(3, Math.floor(this.#speed));
  }

  /** How many times as long as others it takes, 1 unless it is slow; forgiven with time. */
  speedAt(nowMs: number): number {
    if (this.slowness === 0) return 1;
    const idleMs = Math.max(0, nowMs - this.answeredMs);
    return 1 + (this.#speed - 1) * 2 ** (-idleMs / FORGIVEN_MS);
  }
}
