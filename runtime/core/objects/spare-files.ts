// Files of objects that are gone, kept for their memory: writing over it is three to thirty times as quick as taking more.
//
// 1. Nobody looks at a file that is here.
// 2. A file goes to the process that wrote it last, if that asks: it has the file's memory mapped.

import { removeUnused } from "./unused-file.ts";

/** Smaller files are not worth keeping. */
export const MIN_SPARE_BYTES = 2 ** 20;

interface Spare {
  readonly path: string;
  readonly bytes: number;
  /** The process that wrote it. */
  readonly writer: number;
}

export class SpareFiles {
  readonly #mostBytes: number;
  /** Those last that were used last: their memory is in the caches. */
  readonly #files: Spare[] = [];
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a file of that size is worth keeping. */
  mayServe(bytes: number): boolean {
    return bytes >= MIN_SPARE_BYTES && bytes <= this.#mostBytes;
  }

  /** Whether there is room for it. */
  wants(bytes: number): boolean {
    return this.mayServe(bytes) && this.#bytes + bytes <= this.#mostBytes;
  }

  add(spare: Spare): void {
    this.#files.push(spare);
    this.#bytes += spare.bytes;
  }

  /** Whether there is a file of at least `bytes` and not above twice that. */
  has(bytes: number): boolean {
    return this.#find(bytes, 0) >= 0;
  }

  /** The smallest such file, of those that `writer` wrote if there are any (invariant 2); it is the caller's. */
  take(bytes: number, writer: number): string | undefined {
    const at = this.#find(bytes, writer);
    const [spare] = at < 0 ? [] : this.#files.splice(at, 1);
    if (spare !== undefined) this.#bytes -= spare.bytes;
    return spare?.path;
  }

  /** Removes them all. */
  async clear(): Promise<void> {
    this.#bytes = 0;
    for (const { path } of this.#files.splice(0)) await removeUnused(path);
  }

  #find(bytes: number, writer: number): number {
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const [index, spare] of this.#files.entries()) {
      if (spare.bytes < bytes || spare.bytes > 2 * bytes) continue;
      const cost = spare.writer === writer ? spare.bytes - 2 * bytes : spare.bytes;
      if (cost > bestCost) continue;
      best = index;
      bestCost = cost;
    }
    return best;
  }
}
