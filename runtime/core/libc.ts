// The C library's functions, where Node can call them (`node:ffi`, experimental in Node 26): for what Node itself has no
// function for. Whoever uses it has another way for where it is not there.

import { createRequire } from "node:module";

/** The part of `node:ffi` that is used here; its types are not in @types/node yet. */
interface Ffi {
  dlopen(
    library: string,
    functions: Record<string, Signature>,
  ): { readonly functions: Record<string, CFunction> };
  toArrayBuffer(pointer: bigint, byteLength: number, copy: boolean): ArrayBuffer;
  getRawPointer(source: ArrayBufferLike): bigint;
}

interface Signature {
  readonly arguments: readonly string[];
  readonly return: string;
}

export type CFunction = (...args: (number | bigint)[]) => unknown;

export interface Libc<Name extends string> {
  readonly functions: Readonly<Record<Name, CFunction>>;
  /** `byteLength` bytes at `pointer`, not copied. */
  toArrayBuffer(pointer: bigint, byteLength: number): ArrayBuffer;
  /** Where a view's memory is, which no collection moves from here on. Throws when it was transferred away. */
  pointerOf(view: ArrayBufferView): bigint;
}

/** Undefined where there is no such module, library or function. */
export function openLibc<Name extends string>(
  signatures: Readonly<Record<Name, Signature>>,
): Libc<Name> | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const ffi = quietly(() => createRequire(import.meta.url)("node:ffi") as Ffi);
    const { functions } = ffi.dlopen("libc.so.6", signatures);
    return {
      functions: functions as Record<Name, CFunction>,
      toArrayBuffer: (pointer, byteLength) => ffi.toArrayBuffer(pointer, byteLength, false),
      // By its buffer: only who asks for that has a small view's bytes taken out of the heap.
      pointerOf: ({ buffer, byteOffset }) => ffi.getRawPointer(buffer) + BigInt(byteOffset),
    };
  } catch {
    return undefined;
  }
}

/** Loads without the warning that the module is experimental: its users did not choose it. */
function quietly<T>(load: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
