// Files as memory, without a copy, where Node has a way to the system's mmap (`node:ffi`, Node 26); elsewhere files are
// read into memory.
//
// 1. A mapping is ended only when nothing can reach its memory any more: a view on memory that is gone would end the
//    process. So the collector ends it, nobody else, and the memory cannot be transferred to a thread.
// 2. Mappings are private: what a reader writes stays with it, and neither reaches others nor ends the process.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { markAsUntransferable } from "node:worker_threads";
import { openLibc } from "../libc.ts";

interface Mapper {
  readonly map: (file: number, byteLength: number) => ArrayBuffer | undefined;
}

const READ_AND_WRITE = 3;
const PRIVATE = 2;
/** Below this a copy is as quick. */
const MIN_MAP_BYTES = 32 * 1024;
/** Node reads less than 2 GiB at a time. */
const MAX_READ_BYTES = 2 ** 30;

let mapper: Mapper | undefined | null = null;

/** The bytes of a file. Throws what opening and reading throw. */
export function readFileBytes(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (mapper === null) mapper = findMapper();
    const mapped = size < MIN_MAP_BYTES ? undefined : mapper?.map(file, size);
    if (mapped !== undefined) return new Uint8Array(mapped);
    const bytes = Buffer.allocUnsafeSlow(size);
    for (let filled = 0; filled < size; ) {
      const read = readSync(file, bytes, filled, Math.min(size - filled, MAX_READ_BYTES), filled);
      if (read === 0) return bytes.subarray(0, filled);
      filled += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function findMapper(): Mapper | undefined {
  const libc = openLibc({
    mmap: { arguments: ["u64", "u64", "i32", "i32", "i32", "i64"], return: "u64" },
    munmap: { arguments: ["u64", "u64"], return: "i32" },
  });
  if (libc === undefined) return undefined; // files are read
  const { mmap, munmap } = libc.functions;
  const mapped = new FinalizationRegistry<{ readonly pointer: bigint; readonly byteLength: number }>(
    ({ pointer, byteLength }) => void munmap(pointer, BigInt(byteLength)), // invariant 1
  );
  return {
    map(file, byteLength) {
      const pointer = mmap(0n, BigInt(byteLength), READ_AND_WRITE, PRIVATE, file, 0n); // invariant 2
      // MAP_FAILED is the last address.
      if (typeof pointer !== "bigint" || pointer === 2n ** 64n - 1n) return undefined;
      const buffer = libc.toArrayBuffer(pointer, byteLength);
      markAsUntransferable(buffer);
      mapped.register(buffer, { pointer, byteLength });
      return buffer;
    },
  };
}
