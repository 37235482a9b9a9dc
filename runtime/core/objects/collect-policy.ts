// Whether it pays to collect garbage before more memory is taken: the objects that this process stored and lost interest in
// leave files to write over, and a small heap of large objects has no reason to collect by itself.
//
// 1. Collecting takes at most a third of the time that taking more memory would have.
// 2. Where memory allows, it takes at most a tenth of the time that copying takes.
// 3. Both hold for each generation by itself: a quick look at what is young is had often, one at all seldom.

import type { Clock } from "../../base/index.ts";
import type { Generation } from "./collect.ts";
import { MIN_SPARE_BYTES } from "./spare-files.ts";

/** Memory that was never written comes at about this, and memory that is there already is written at about that. */
const FRESH_BYTES_PER_MS = 2 ** 20;
const COPY_BYTES_PER_MS = 2 ** 24;
const GAIN_ON_FRESH = 3;
const GAIN_ON_COPY = 10;

export const MOST_UNCOLLECTED_BYTES = 2 ** 29;

interface Pace {
  /** Since the last collection. */
  storedBytes: number;
  lastMs: number;
}

export interface Seek {
  readonly bytes: number;
  /** For a file to write over. */
  readonly ask: () => Promise<string | undefined>;
  readonly collect: (generation: Generation) => Promise<void>;
}

export class CollectPolicy {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #mostBytes: number;
  readonly #paces: Readonly<Record<Generation, Pace>> = {
    YOUNG: { storedBytes: 0, lastMs: 0 },
    ALL: { storedBytes: 0, lastMs: 0 },
  };

  /** `mostBytes` is what may be stored without a collection that pays. */
  constructor(clock: Pick<Clock, "nowMs">, mostBytes = MOST_UNCOLLECTED_BYTES) {
    this.#clock = clock;
    this.#mostBytes = mostBytes;
  }

  stored(bytes: number): void {
    for (const pace of Object.values(this.#paces)) pace.storedBytes += bytes;
  }

  /** Whether enough was stored for a collection to be worth its time, going by the last one. */
  pays(generation: Generation): boolean {
    const { storedBytes, lastMs } = this.#paces[generation];
    const enough = Math.min(GAIN_ON_COPY * lastMs * COPY_BYTES_PER_MS, this.#mostBytes); // invariant 2
    return storedBytes >= enough && storedBytes > GAIN_ON_FRESH * lastMs * FRESH_BYTES_PER_MS; // invariant 1
  }

  /**
   * As `ask`, behind a look at what is young, which costs less than to be told that there is nothing; asked once more after
   * a whole collection, when there was no file. Collects only when that pays.
   */
  async seek({ bytes, ask, collect }: Seek): Promise<string | undefined> {
    if (bytes < MIN_SPARE_BYTES) return await ask();
    if (this.pays("YOUNG")) await this.run("YOUNG", collect);
    const found = await ask();
    if (found !== undefined || !this.pays("ALL")) return found;
    await this.run("ALL", collect);
    return await ask();
  }

  /** How long it took, in milliseconds. */
  async run(generation: Generation, collect: Seek["collect"]): Promise<number> {
    const pace = this.#paces[generation];
    pace.storedBytes = 0;
    if (generation === "ALL") this.#paces.YOUNG.storedBytes = 0;
    const startMs = this.#clock.nowMs();
    await collect(generation);
    pace.lastMs = this.#clock.nowMs() - startMs;
    return pace.lastMs;
  }
}
