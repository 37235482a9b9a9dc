// When the object store has garbage collected before it takes more memory. References die with a collection, of which a
// process with large objects and a small heap has few.
//
// 1. Here, when there is no file to write over, and finding one pays.
// 2. Everywhere, whenever much memory was taken, unless that takes more than a twentieth of the time.

import type { Clock } from "../../base/index.ts";
import type { Generation } from "./collect.ts";
import { CollectPolicy, MOST_UNCOLLECTED_BYTES } from "./collect-policy.ts";
import type { SpareFiles } from "./spare-files.ts";

export type OnShort = (where: "EVERYWHERE" | "HERE", generation: Generation) => Promise<void>;

export interface StoreCollectionsOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly capacityBytes: number;
  readonly spares: SpareFiles;
  readonly onShort: OnShort;
}

/** Of the capacity. */
const COLLECT_SHARE = 0.1;
const MOST_OF_THE_TIME = 20;

export class StoreCollections {
  readonly #options: StoreCollectionsOptions;
  readonly #policy: CollectPolicy;
  readonly #muchBytes: number;
  /** Of memory that was not there before, since the last collection everywhere. */
  #freshBytes = 0;
  #nextEverywhereMs = Number.NEGATIVE_INFINITY;

  constructor(options: StoreCollectionsOptions) {
    this.#options = options;
    this.#muchBytes = options.capacityBytes * COLLECT_SHARE;
    this.#policy = new CollectPolicy(options.clock, Math.min(this.#muchBytes, MOST_UNCOLLECTED_BYTES));
  }

  stored(bytes: number): void {
    this.#policy.stored(bytes);
  }

  /** So much memory is taken that was not there before. */
  took(bytes: number): void {
    this.#freshBytes += bytes;
  }

  async beforeTaking(bytes: number): Promise<void> {
    const { spares } = this.#options;
    const collect = (generation: Generation): Promise<void> => this.#collect(generation);
    const ask = async (): Promise<true | undefined> => spares.has(bytes) || undefined;
    if (spares.mayServe(bytes))
      await this.#policy.seek({ bytes, ask, collect }); // invariant 1
    else if (this.#isEverywhereDue()) await this.#policy.run("ALL", collect);
  }

  /** Invariant 2. */
  #isEverywhereDue(): boolean {
    return this.#freshBytes >= this.#muchBytes && this.#options.clock.nowMs() >= this.#nextEverywhereMs;
  }

  async #collect(generation: Generation): Promise<void> {
    const { clock, onShort } = this.#options;
    if (generation === "YOUNG" || !this.#isEverywhereDue()) {
      await onShort("HERE", generation);
      return;
    }
    this.#freshBytes = 0;
    const startMs = clock.nowMs();
    await onShort("EVERYWHERE", generation);
    const endMs = clock.nowMs();
    this.#nextEverywhereMs = endMs + MOST_OF_THE_TIME * (endMs - startMs);
  }
}
