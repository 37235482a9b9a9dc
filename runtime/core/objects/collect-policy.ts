// Whether it pays to collect garbage before more memory is taken: the objects that this process stored and lost interest in
// leave files to write over, and a small heap of large objects has no reason to collect by itself.
//
// 1. Collecting takes at most a third of the time that taking more memory would have.
// 2. Where memory allows, it takes at most a tenth of the time that copying takes.

import type { Clock } from "../../base/index.ts";
import { MIN_SPARE_BYTES } from "./spare-files.ts";

/** Memory that was never written comes at about this, and memory that is there already is written at about that. */
const FRESH_BYTES_PER_MS = 2 ** 20;
const COPY_BYTES_PER_MS = 2 ** 24;
const GAIN_ON_FRESH = 3;
const GAIN_ON_COPY = 10;

export const MOST_UNCOLLECTED_BYTES = 2 ** 29;

export class CollectPolicy {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #mostBytes: number;
  /** Since the last collection. */
  #storedBytes = 0;
  #lastMs = 0;

  /** `mostBytes` is what may be stored without a collection that pays. */
  constructor(clock: Pick<Clock, "nowMs">, mostBytes = MOST_UNCOLLECTED_BYTES) {
    this.#clock = clock;
    this.#mostBytes = mostBytes;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  stored(bytes: number): void {
    this.#storedBytes += bytes;
  }

  /** Whether enough was stored for a collection to be worth its time, going by the last one. */
  pays(): boolean {
    const enough = Math.min(GAIN_ON_COPY * this.#lastMs * COPY_BYTES_PER_MS, this.#mostBytes); // invariant 2
    return (
      this.#storedBytes >= enough && this.#storedBytes > GAIN_ON_FRESH * this.#lastMs * FRESH_BYTES_PER_MS
    ); // invariant 1
  }

  /** As `ask`; asked once more after `collect`, when that pays and there was no file to write over. */
  async seek(
    bytes: number,
    ask: () => Promise<string | undefined>,
    collect: () => Promise<void>,
  ): Promise<string | undefined> {
    const found = await ask();
    if (found !== undefined || bytes < MIN_SPARE_BYTES || !this.pays()) return found;
    await this.run(collect);
    return await ask();
  }

  /** How long it took, in milliseconds. */
  async run(collect: () => Promise<void>): Promise<number> {
    this.#storedBytes = 0;
    const startMs = this.#clock.nowMs();
    await collect();
    this.#lastMs = this.#clock.nowMs() - startMs;
    return this.#lastMs;
  }
}
