// What the system has for memory and for files in use, by `node:ffi`: one opening of the C library for all of it.

import { openLibc } from "../libc.ts";

/** A place in memory. */
export interface Extent {
  readonly pointer: bigint;
  readonly byteLength: number;
}

/** Memory on a part of a file; the mapping itself may begin before it. */
export interface MappedPart extends Extent {
  readonly buffer: ArrayBuffer;
}

export type MappingKind = "PRIVATE" | "SHARED";

export interface MemoryCalls {
  /**
   * A file as memory, readable and writable, until `unmap`; undefined when the system refuses. The file may be closed after
   * it.
   */
  map(file: number, byteLength: number, kind: MappingKind): Extent | undefined;
  /** The same, shared, of a part that may begin anywhere in the file: `buffer` is the part alone. */
  mapPart(file: number, from: number, byteLength: number): MappedPart | undefined;
  unmap(mapping: Extent): void;
  /** A mapping's memory. It has to be mapped as long as anybody can reach it, and counts as memory of V8's objects. */
  bufferOn(mapping: Extent): ArrayBuffer;
  /** Has all pages of a part there, to be written; false when one cannot be had. */
  populate(mapping: Extent, from: number, byteLength: number): boolean;
  /** Copies bytes to a place in a mapping, whose pages have to be there. */
  write(mapping: Extent, at: number, bytes: Uint8Array): void;
  /** Whether the page in the middle of a view is there; true where the system does not say. */
  isThere(view: Uint8Array): boolean;
  /** Has all pages of a view there, to be read, as far as the system lets. */
  fetch(view: Uint8Array): void;
  /** A lock on an open file that lasts as long as it is open or mapped anywhere; false when another one is in its way. */
  lock(file: number, kind: LockKind): boolean;
}

export type LockKind = "SHARED" | "EXCLUSIVE";

const READ_AND_WRITE = 3;
const MAP_FLAGS: Readonly<Record<MappingKind, number>> = { SHARED: 1, PRIVATE: 2 };
const MAP_FAILED = 2n ** 64n - 1n;
/** Where a mapping may begin, whatever the size of a page. */
const MAP_ALIGNMENT = 64 * 1024;
/** Since Linux 5.14. */
const MADV_POPULATE_READ = 22;
const MADV_POPULATE_WRITE = 23;
const PAGE_BYTES = 4_096n;
const LOCK_NON_BLOCKING = 4;
const LOCK_FLAGS: Readonly<Record<LockKind, number>> = { SHARED: 1, EXCLUSIVE: 2 };

/**
 * Copied in one call. From half of a core's second cache on – a megabyte and more – the C library copies with instructions
 * that read what they write over: 25 GB/s then, and 33 in pieces of this size.
 */
const PIECE_BYTES = 2 ** 19;

let calls: MemoryCalls | undefined | null = null;

/** Undefined where the C library cannot be called. */
export function memoryCalls(): MemoryCalls | undefined {
  if (calls === null) calls = findCalls();
  return calls;
}

function findCalls(): MemoryCalls | undefined {
  const libc = openLibc({
    mmap: { arguments: ["u64", "u64", "i32", "i32", "i32", "i64"], return: "u64" },
    munmap: { arguments: ["u64", "u64"], return: "i32" },
    madvise: { arguments: ["u64", "u64", "i32"], return: "i32" },
    mincore: { arguments: ["u64", "u64", "u64"], return: "i32" },
    memcpy: { arguments: ["u64", "u64", "u64"], return: "u64" },
    flock: { arguments: ["i32", "i32"], return: "i32" },
  });
  if (libc === undefined) return undefined;
  const { mmap, munmap, madvise, mincore, memcpy, flock } = libc.functions;
  const answer = new Uint8Array(1);
  const answerPointer = libc.pointerOf(answer);
  return {
    map(file, byteLength, kind) {
      const pointer = mmap(0n, BigInt(byteLength), READ_AND_WRITE, MAP_FLAGS[kind], file, 0n);
      if (typeof pointer !== "bigint" || pointer === MAP_FAILED) return undefined;
      return { pointer, byteLength };
    },
    mapPart(file, from, byteLength) {
      const before = from % MAP_ALIGNMENT;
      const size = before + byteLength;
      const start = BigInt(from - before);
      const pointer = mmap(0n, BigInt(size), READ_AND_WRITE, MAP_FLAGS.SHARED, file, start);
      if (typeof pointer !== "bigint" || pointer === MAP_FAILED) return undefined;
      const buffer = libc.toArrayBuffer(pointer + BigInt(before), byteLength);
      return { pointer, byteLength: size, buffer };
    },
    unmap({ pointer, byteLength }) {
      munmap(pointer, BigInt(byteLength));
    },
    bufferOn: ({ pointer, byteLength }) => libc.toArrayBuffer(pointer, byteLength),
    populate({ pointer }, from, byteLength) {
      return madvise(pointer + BigInt(from), BigInt(byteLength), MADV_POPULATE_WRITE) === 0;
    },
    write({ pointer, byteLength }, at, bytes) {
      if (at < 0 || at + bytes.byteLength > byteLength) throw new RangeError("a write beyond the mapping");
      const to = pointer + BigInt(at);
      const from = libc.pointerOf(bytes);
      for (let done = 0; done < bytes.byteLength; done += PIECE_BYTES) {
        const offset = BigInt(done);
        memcpy(to + offset, from + offset, BigInt(Math.min(PIECE_BYTES, bytes.byteLength - done)));
      }
    },
    isThere(view) {
      const middle = libc.pointerOf(view) + BigInt(view.byteLength >>> 1);
      const asked = mincore(middle - (middle % PAGE_BYTES), PAGE_BYTES, answerPointer);
      return asked !== 0 || ((answer[0] ?? 1) & 1) === 1;
    },
    fetch(view) {
      const from = libc.pointerOf(view);
      const begin = from - (from % PAGE_BYTES);
      madvise(begin, from - begin + BigInt(view.byteLength), MADV_POPULATE_READ);
    },
    lock: (file, kind) => flock(file, LOCK_FLAGS[kind] + LOCK_NON_BLOCKING) === 0,
  };
}
