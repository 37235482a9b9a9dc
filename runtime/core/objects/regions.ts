// Files to write over as memory that this process has mapped: writing is one copy at the memory's pace then, where the
// file system takes each page by itself.
//
// 1. Only files that nobody looks at are written: the object store hands them to one writer at a time, and a region that
//    is written is in nobody's table.
// 2. Every page is had before it is touched. One that cannot be had is an error then, not a signal, and the file is
//    written through the file system.
// 3. A region that was not used for a while is let go of: it keeps the memory of a file that is removed.
// 4. Nothing reaches a region's memory but the write that has it, so it can be unmapped at any other time.

import { closeSync, openSync, statfsSync, statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type Clock, ShoalError, type Timer } from "../../base/index.ts";
import { type Extent, memoryCalls } from "./memory-calls.ts";
import { fetchPagesOf } from "./source-pages.ts";

/** Whose pages stay where they are: a file system on disk may need new ones to write over old ones (invariant 2). */
const TMPFS = 0x01021994;
/** Copied in one turn of the event loop: half a millisecond. */
const TURN_BYTES = 2 ** 24;
const IDLE_MS = 2_000;
/** A process has some 65,000 mappings. */
const MAX_REGIONS = 1_024;

interface Region {
  readonly inode: number;
  readonly mapping: Extent;
  /** Up to here its pages are there. */
  populatedBytes: number;
  usedMs: number;
}

export class Regions implements Disposable {
  readonly #clock: Pick<Clock, "nowMs" | "timer">;
  /** By their files' inodes, in the order of their last use. A mapping keeps its inode's number from being used again. */
  readonly #idle = new Map<number, Region>();
  #sweeping: Timer | undefined;
  #closed = false;

  constructor(clock: Pick<Clock, "nowMs" | "timer">) {
    this.#clock = clock;
  }

  /** How many are kept. */
  get size(): number {
    return this.#idle.size;
  }

  /**
   * Writes `pieces` over the beginning of a file; false when it has to be done through the file system: its memory cannot
   * be had, or is too little. Rejects with INVALID_ARGUMENT when a piece is transferred away meanwhile.
   */
  async write(path: string, pieces: readonly Uint8Array[]): Promise<boolean> {
    const region = this.#take(path);
    if (region === undefined) return false;
    try {
      const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
      return byteLength <= region.mapping.byteLength && (await this.#copy(region, pieces));
    } finally {
      this.#keep(region);
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#sweeping?.cancel();
    this.#sweeping = undefined;
    for (const region of this.#idle.values()) unmap(region);
    this.#idle.clear();
  }

  /** The caller's alone from here on (invariant 1). */
  #take(path: string): Region | undefined {
    const { ino, size } = statSync(path);
    const known = this.#idle.get(ino);
    this.#idle.delete(ino);
    if (known !== undefined && known.mapping.byteLength <= size) return known;
    if (known !== undefined) unmap(known); // its file was cut
    if (this.#closed || statfsSync(path).type !== TMPFS) return undefined;
    const file = openSync(path, "r+");
    try {
      const mapping = memoryCalls()?.map(file, size, "SHARED");
      return mapping && { inode: ino, mapping, populatedBytes: 0, usedMs: 0 };
    } finally {
      closeSync(file);
    }
  }

  #keep(region: Region): void {
    if (this.#closed) {
      unmap(region);
      return;
    }
    region.usedMs = this.#clock.nowMs();
    this.#idle.set(region.inode, region);
    const [oldest] = this.#idle.values();
    if (this.#idle.size > MAX_REGIONS && oldest !== undefined) this.#drop(oldest);
    this.#sweeping ??= this.#clock.timer(IDLE_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#sweeping = undefined;
    const nowMs = this.#clock.nowMs();
    for (const region of this.#idle.values()) {
      const leftMs = region.usedMs + IDLE_MS - nowMs;
      if (leftMs > 0) {
        this.#sweeping = this.#clock.timer(leftMs, () => this.#sweep());
        return;
      }
      this.#drop(region); // invariant 3
    }
  }

  #drop(region: Region): void {
    this.#idle.delete(region.inode);
    unmap(region);
  }

  async #copy(region: Region, pieces: readonly Uint8Array[]): Promise<boolean> {
    let at = 0;
    let turnBytes = TURN_BYTES;
    for (const piece of pieces) {
      const { byteLength } = piece;
      for (let from = 0; from < byteLength; ) {
        if (turnBytes === 0) {
          await setImmediate();
          turnBytes = TURN_BYTES;
        }
        const count = Math.min(turnBytes, byteLength - from);
        if (piece.byteLength < byteLength) throw transferred();
        if (!populated(region, at + count)) return false;
        fetchPagesOf(piece.subarray(from, from + count));
        memoryCalls()?.write(region.mapping, at, piece.subarray(from, from + count));
        from += count;
        at += count;
        turnBytes -= count;
      }
    }
    return true;
  }
}

const PAGE_BYTES = 4_096;

/** Invariant 2: has the pages up to `end`. */
function populated(region: Region, end: number): boolean {
  const { populatedBytes, mapping } = region;
  if (end <= populatedBytes) return true;
  const upTo = Math.min(Math.ceil(end / PAGE_BYTES) * PAGE_BYTES, mapping.byteLength);
  const from = Math.floor(populatedBytes / PAGE_BYTES) * PAGE_BYTES;
  if (memoryCalls()?.populate(mapping, from, upTo - from) !== true) return false;
  region.populatedBytes = upTo;
  return true;
}

function unmap({ mapping }: Region): void {
  memoryCalls()?.unmap(mapping); // invariant 4
}

function transferred(): ShoalError {
  const what = "Cannot store a value: its memory was transferred away while it was written";
  return new ShoalError("INVALID_ARGUMENT", what);
}
