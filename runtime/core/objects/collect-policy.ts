// Whether it pays to collect garbage before more memory is taken: the objects that this process stored and lost interest in
// leave files to write over, and a small heap of large objects has no reason to collect by itself.
//
// 1. Collecting takes at most a third of the time that taking more memory would have.
// 2. Where memory allows, it takes at most a tenth of the time that copying takes.
// 3. Both hold for each generation by itself: a quick look at what is young is had often, one at all seldom.
// 4. All is looked at only when the young were in vain twice in a row. What is in use during the first look – the reference
//    that a loop still holds – may be free at the second, unless a look at all has made it old: then only another one finds
//    it, and makes the next one old.

import type { Clock } from "../../base/index.ts";
import type { Generation } from "./collect.ts";
import { MIN_SPARE_BYTES } from "./spare-files.ts";

/** Memory that was never written comes at about this, and memory that is there already is written at about that. */
const FRESH_BYTES_PER_MS = 2 ** 20;
const COPY_BYTES_PER_MS = 2 ** 24;
const GAIN_ON_FRESH = 3;
const GAIN_ON_COPY = 10;
/** Invariant 4. */
const LOOKS_AT_YOUNG = 2;

export const MOST_UNCOLLECTED_BYTES = 2 ** 29;
/** A look that was slow once should not have the next file taken fresh. */
const MOST_BYTES_BETWEEN_LOOKS = 2 ** 26;

interface Pace {
  /** What may be stored without a collection that pays. */
  readonly mostBytes: number;
  /** Since the last collection. */
  storedBytes: number;
  lastMs: number;
}

export interface Seek<File> {
  readonly bytes: number;
  /** For a file to write over. */
  readonly ask: () => Promise<File | undefined>;
  readonly collect: (generation: Generation) => Promise<void>;
}

export class CollectPolicy {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #paces: Readonly<Record<Generation, Pace>>;
  /** Looks at the young since one at all, or since a file was found. */
  #looks = 0;

  /** `mostBytes` is what may be stored without a collection that pays. */
  constructor(clock: Pick<Clock, "nowMs">, mostBytes = MOST_UNCOLLECTED_BYTES) {
    this.#clock = clock;
    this.#paces = {
      YOUNG: { mostBytes: Math.min(mostBytes, MOST_BYTES_BETWEEN_LOOKS), storedBytes: 0, lastMs: 0 },
      ALL: { mostBytes, storedBytes: 0, lastMs: 0 },
    };
  }

  stored(bytes: number): void {
    for (const pace of Object.values(this.#paces)) pace.storedBytes += bytes;
  }

  /** Whether enough was stored for a collection to be worth its time, going by the last one. */
  pays(generation: Generation): boolean {
    const { mostBytes, storedBytes, lastMs } = this.#paces[generation];
    const enough = Math.min(GAIN_ON_COPY * lastMs * COPY_BYTES_PER_MS, mostBytes); // invariant 2
    return storedBytes >= enough && storedBytes > GAIN_ON_FRESH * lastMs * FRESH_BYTES_PER_MS; // invariant 1
  }

  /**
   * As `ask`, behind a look at what is young, which costs less than to be told that there is nothing; asked once more after
   * a whole collection, when there was no file. Collects only when that pays.
   */
  async seek<File>({ bytes, ask, collect }: Seek<File>): Promise<File | undefined> {
    if (bytes < MIN_SPARE_BYTES) return await ask();
    if (this.pays("YOUNG")) await this.run("YOUNG", collect);
    const found = await ask();
    if (found !== undefined) this.#looks = 0;
    if (found !== undefined || this.#looks < LOOKS_AT_YOUNG || !this.pays("ALL")) return found;
    await this.run("ALL", collect);
    return await ask();
  }

  /** How long it took, in milliseconds. */
  async run(generation: Generation, collect: Seek<unknown>["collect"]): Promise<number> {
    const pace = this.#paces[generation];
    this.#paces.YOUNG.storedBytes = 0;
    pace.storedBytes = 0;
    this.#looks = generation === "YOUNG" ? this.#looks + 1 : 0;
    const startMs = this.#clock.nowMs();
    await collect(generation);
    pace.lastMs = this.#clock.nowMs() - startMs;
    return pace.lastMs;
  }
}
