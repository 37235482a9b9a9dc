// Files as memory, without a copy, where Node has a way to the system's mmap (`node:ffi`, Node 26); elsewhere files are
// read into memory.
//
// 1. A mapping is ended only when nothing can reach its memory any more: a view on memory that is gone would end the
//    process. So the collector ends it, nobody else, and the memory cannot be transferred to a thread.
// 2. Mappings are private: what a reader writes stays with it, and neither reaches others nor ends the process.
// 3. A mapped file is locked as long as it is mapped, and it had its name when the lock was there: whoever takes the name
//    away, and finds no lock then, knows that nobody looks at the file, nor ever will.

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { markAsUntransferable } from "node:worker_threads";
import { countExternalMemoryAsHeap } from "./external-memory.ts";
import { type Extent, memoryCalls } from "./memory-calls.ts";

/** Below this a copy is as quick. */
const MIN_MAP_BYTES = 32 * 1024;
/** Node reads less than 2 GiB at a time. */
const MAX_READ_BYTES = 2 ** 30;

const mapped = new FinalizationRegistry<Extent>((gone) => memoryCalls()?.unmap(gone)); // invariant 1

/** The bytes of a file. Throws what opening and reading throw, ENOENT also when it lost its name meanwhile. */
export function readFileBytes(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const { size, ino } = fstatSync(file);
    // Without a lock, on a file system that has none, it is read: nobody asks who looks at it before it loses its name.
    const isLocked = size >= MIN_MAP_BYTES && memoryCalls()?.lock(file, "SHARED") === true;
    const bytes = (isLocked ? map(file, size) : undefined) ?? read(file, size);
    if (statSync(path).ino !== ino) throw new GoneError(path); // invariant 3
    return bytes;
  } finally {
    closeSync(file);
  }
}

class GoneError extends Error {
  readonly code = "ENOENT";

  constructor(path: string) {
    super(`"${path}" was removed while it was opened`);
  }
}

function map(file: number, byteLength: number): Uint8Array | undefined {
  const calls = memoryCalls();
  const mapping = calls?.map(file, byteLength, "PRIVATE"); // invariant 2
  if (calls === undefined || mapping === undefined) return undefined;
  countExternalMemoryAsHeap();
  const buffer = calls.bufferOn(mapping);
  markAsUntransferable(buffer);
  mapped.register(buffer, mapping);
  return new Uint8Array(buffer);
}

function read(file: number, size: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let filled = 0; filled < size; ) {
    const count = readSync(file, bytes, filled, Math.min(size - filled, MAX_READ_BYTES), filled);
    if (count === 0) return bytes.subarray(0, filled);
    filled += count;
  }
  return bytes;
}
