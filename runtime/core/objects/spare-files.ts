// Files of objects that are gone, kept for their memory: writing over it is three to ten times as quick as taking more.
//
// 1. Nobody looks at a file that is here.

import { rm } from "node:fs/promises";

/** Smaller files are not worth keeping. */
export const MIN_SPARE_BYTES = 2 ** 20;

interface Spare {
  readonly path: string;
  readonly bytes: number;
}

export class SpareFiles {
  readonly #mostBytes: number;
  readonly #files: Spare[] = [];
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  wants(bytes: number): boolean {
    return bytes >= MIN_SPARE_BYTES && this.#bytes + bytes <= this.#mostBytes;
  }

  add(path: string, bytes: number): void {
    this.#files.push({ path, bytes });
    this.#bytes += bytes;
  }

  has(bytes: number): boolean {
    return this.#find(bytes) >= 0;
  }

  /** The smallest file of at least `bytes` and not above twice that; it is the caller's. */
  take(bytes: number): string | undefined {
    const at = this.#find(bytes);
    const [spare] = at < 0 ? [] : this.#files.splice(at, 1);
    if (spare !== undefined) this.#bytes -= spare.bytes;
    return spare?.path;
  }

  /** Removes them all. */
  async clear(): Promise<void> {
    this.#bytes = 0;
    for (const { path } of this.#files.splice(0)) await rm(path, { force: true });
  }

  #find(bytes: number): number {
    let best = -1;
    for (const [index, spare] of this.#files.entries()) {
      if (spare.bytes < bytes || spare.bytes > 2 * bytes) continue;
      if (best < 0 || spare.bytes < (this.#files[best]?.bytes ?? 0)) best = index;
    }
    return best;
  }
}
