// Shared memory that processes have mapped: for one body that is too large to be copied from one to the other.
//
// 1. A region is a file in shared memory without a name: it goes with its last holder, also after SIGKILL.
// 2. It is mapped only where its pages are there: a full mount is an error of a call then, not a signal.
// 3. A mapping ends when its buffer was freed (`freeLarge`), and no view reaches it then, or when the collector finds it gone.
// 4. The number of a descriptor is used again once it is closed, so a region's name has its file's inode in it, and
//    whoever opens another file than that one leaves it alone.
// 5. It is written once and never again: who is late finds what was there, or nothing.

import { closeSync, fstatSync, ftruncateSync, writeSync } from "node:fs";
import { ShoalError, whenFreed } from "../runtime/base/index.ts";
import { memoryCalls } from "../runtime/core/index.ts";
import { createUnnamed, openUnnamed, readWhole } from "./unnamed-file.ts";

/** Of `blocks` of a file's status (POSIX, <sys/stat.h> on Linux). */
const BLOCK_BYTES = 512;

/** Mappings that nobody freed. */
const forgotten = new FinalizationRegistry<() => void>((end) => end());

/** Whether this process can map regions. */
export function canMapRegions(): boolean {
  return memoryCalls() !== undefined;
}

export class MappedRegion implements Disposable {
  readonly #file: number;
  /** For another process on this machine. */
  readonly name: string;
  #closed = false;

  private constructor(file: number) {
    this.#file = file;
    this.name = `${process.pid}/${file}/${fstatSync(file).ino}`;
  }

  /** Undefined where there is no such memory. */
  static create(): MappedRegion | undefined {
    if (!canMapRegions()) return undefined;
    try {
      return new MappedRegion(createUnnamed()); // invariant 1
    } catch {
      return undefined;
    }
  }

  /** The region of another process. Throws INVALID_ARGUMENT when it is not there. */
  static open(name: string): MappedRegion {
    const [, pid, descriptor, inode] = /^(\d{1,10})\/(\d{1,10})\/(\d{1,20})$/.exec(name) ?? [];
    if (pid === undefined || descriptor === undefined) throw unusable("its name is none");
    let file: number;
    try {
      file = openUnnamed(pid, descriptor, "r+");
    } catch (cause) {
      throw unusable("it is gone", cause);
    }
    const { ino, nlink } = fstatSync(file);
    if (String(ino) === inode && nlink === 0) return new MappedRegion(file);
    closeSync(file); // invariant 4
    throw unusable("it is gone");
  }

  /** False when there is no memory for it. */
  write(bytes: Uint8Array, offset: number): boolean {
    try {
      for (let written = 0; written < bytes.byteLength; ) {
        written += writeSync(this.#file, bytes, written, bytes.byteLength - written, offset + written);
      }
      return true;
    } catch {
      return false;
    }
  }

  /** A copy of what was written. */
  read(offset: number, byteLength: number): Buffer {
    const short = (found: number): ShoalError => unusable(`found ${found} bytes, wanted ${byteLength}`);
    return readWhole(this.#file, { offset, byteLength }, short);
  }

  /**
   * What was written, as memory: the region is closed with it. Undefined when the system refuses. Throws INVALID_ARGUMENT
   * when there is less in it (invariant 2).
   */
  map(offset: number, byteLength: number): Uint8Array | undefined {
    const { size, blocks } = fstatSync(this.#file);
    if (size < offset + byteLength || blocks * BLOCK_BYTES < offset + byteLength) {
      throw unusable(`found ${Math.min(size, blocks * BLOCK_BYTES)} bytes, wanted ${offset + byteLength}`);
    }
    return this.#map(offset, byteLength, false);
  }

  /** Memory of that size to write to, from the region's beginning; undefined when there is none (invariant 2). */
  grow(byteLength: number): Uint8Array | undefined {
    try {
      ftruncateSync(this.#file, byteLength);
      return this.#map(0, byteLength, true);
    } catch {
      return undefined;
    }
  }

  #map(offset: number, byteLength: number, populate: boolean): Uint8Array | undefined {
    const calls = memoryCalls();
    const mapping = calls?.mapPart(this.#file, offset, byteLength);
    if (calls === undefined || mapping === undefined) return undefined;
    const { buffer, ...extent } = mapping;
    // It must not hold the buffer, or nobody would ever find that gone.
    const end = (): void => {
      forgotten.unregister(this);
      calls.unmap(extent);
      this[Symbol.dispose]();
    };
    if (populate && !calls.populate(extent, 0, extent.byteLength)) {
      calls.unmap(extent); // `buffer` is nobody's yet
      ftruncateSync(this.#file, 0);
      return undefined;
    }
    whenFreed(buffer, end); // invariant 3
    forgotten.register(buffer, end, this);
    return new Uint8Array(buffer);
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
  }
}

function unusable(what: string, cause?: unknown): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot use a body in shared memory: ${what}`, { cause });
}
