// Objects as files in a folder of shared memory, written once and read by every process of the runtime.
//
//   magic │ number of parts │ length of each │ parts, each from a multiple of 64
//
// 1. A file appears whole under its name or not at all.
// 2. New memory is taken through the file system, never through a mapping: a full mount is an error then, not a signal.
// 3. A reader looks in the memory folder, then in the spill folder: an object is in one of them at every moment.

import { existsSync, renameSync, statSync } from "node:fs";
import { open, rm, truncate } from "node:fs/promises";
import { ShoalError, systemCodeOf } from "../../base/index.ts";
import { showId } from "../api/ids.ts";
import type { Id } from "../workers/messages.ts";
import { readFileBytes } from "./mapping.ts";
import type { Regions } from "./regions.ts";
import { fetchPages } from "./source-pages.ts";

const MAGIC = 0x4c414f53;
const ALIGNMENT = 64;

export interface ObjectFolders {
  readonly memory: string;
  readonly spill: string;
}

export class SharedMemoryFolder {
  readonly #folders: ObjectFolders;
  readonly #regions: Regions | undefined;

  private constructor(folders: ObjectFolders, regions: Regions | undefined) {
    this.#folders = folders;
    this.#regions = regions;
  }

  /** `regions` for a process that writes much. */
  static at(folders: ObjectFolders, regions?: Regions): SharedMemoryFolder {
    return new SharedMemoryFolder(folders, regions);
  }

  pathOf(id: Id): string {
    return `${this.#folders.memory}/${showId(id)}`;
  }

  spillPathOf(id: Id): string {
    return `${this.#folders.spill}/${showId(id)}`;
  }

  /**
   * The size of the file. `spare` is a file that nobody looks at, the caller's alone, to be written over: its memory is
   * there already, which makes writing three to thirty times as quick. Rejects with OBJECT_STORE_FULL when the mount is.
   */
  async write(id: Id, parts: readonly Uint8Array[], spare?: string): Promise<number> {
    const path = this.pathOf(id);
    const { pieces, byteLength } = layOut(parts);
    const temporary = spare ?? `${path}${unfinishedBy(process.pid)}`;
    try {
      if (spare === undefined || !existsSync(spare)) {
        await fetchPages(pieces);
        await writeFile(temporary, "w", pieces);
      } else await this.#writeOver(spare, pieces, byteLength);
      renameSync(temporary, path); // invariant 1
    } catch (cause) {
      await rm(temporary, { force: true });
      throw cause instanceof ShoalError ? cause : writeFailure(id, byteLength, cause);
    }
    return byteLength;
  }

  /** Views on the object's parts. Throws OBJECT_LOST when it is nowhere, or damaged. */
  open(id: Id): readonly Uint8Array[] {
    for (const path of [this.pathOf(id), this.spillPathOf(id), this.pathOf(id)]) {
      try {
        return partsOf(readFileBytes(path));
      } catch (thrown) {
        if (systemCodeOf(thrown) !== "ENOENT") throw lostObject(id, thrown); // invariant 3
      }
    }
    throw lostObject(id, new Error("there is no file of it"));
  }

  async #writeOver(path: string, pieces: readonly Uint8Array[], byteLength: number): Promise<void> {
    if ((await this.#regions?.write(path, pieces)) !== true) await writeFile(path, "r+", pieces);
    if (statSync(path).size > byteLength) await truncate(path, byteLength);
  }
}

/** How names end of files that a process writes: if it dies, nobody else will. */
export function unfinishedBy(pid: number): string {
  return `.${pid}.new`;
}

/** How often an object is written that the mount had no room for, though there should have been some. */
const WRITE_ATTEMPTS = 3;

export interface WriteRequest {
  readonly id: Id;
  readonly parts: readonly Uint8Array[];
  /** As `ObjectStore.room`. */
  readonly room: (bytes: number, mountIsFull: boolean) => Promise<string | undefined>;
}

/** Asks for room, then writes; the size of the file. Rejects with OBJECT_STORE_FULL when there is no room to be made. */
export async function writeInto(
  files: SharedMemoryFolder,
  { id, parts, room }: WriteRequest,
): Promise<number> {
  const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
  for (let attempt = 1; ; attempt++) {
    const spare = await room(byteLength, attempt > 1);
    try {
      return await files.write(id, parts, spare);
    } catch (thrown) {
      const full = thrown instanceof ShoalError && thrown.code === "OBJECT_STORE_FULL";
      if (!full || attempt === WRITE_ATTEMPTS) throw thrown;
    }
  }
}

export function writeFailure(id: Id, byteLength: number, cause: unknown): ShoalError {
  const what = `Cannot store object ${showId(id)} of ${byteLength} bytes`;
  const code = systemCodeOf(cause);
  if (code === "ENOSPC" || code === "EDQUOT" || code === "ENOMEM") {
    return new ShoalError("OBJECT_STORE_FULL", `${what}: the object store's mount is full`, { cause });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ShoalError("INTERNAL", `${what}: ${why}`, { cause });
}

export function lostObject(id: Id, cause: unknown): ShoalError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ShoalError("OBJECT_LOST", `Cannot read object ${showId(id)}: ${why}`, { cause });
}

function layOut(parts: readonly Uint8Array[]): { pieces: Uint8Array[]; byteLength: number } {
  const header = Buffer.alloc(aligned(8 + 8 * parts.length));
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(parts.length, 4);
  const pieces: Uint8Array[] = [header];
  let byteLength = header.byteLength;
  for (const [index, part] of parts.entries()) {
    header.writeDoubleLE(part.byteLength, 8 + 8 * index);
    pieces.push(part);
    byteLength += part.byteLength;
    const padding = aligned(byteLength) - byteLength;
    if (padding > 0) pieces.push(new Uint8Array(padding));
    byteLength += padding;
  }
  return { pieces, byteLength };
}

function partsOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error("its file is damaged");
  const count = view.getUint32(4, true);
  let offset = aligned(8 + 8 * count);
  return Array.from({ length: count }, (_, index) => {
    const length = view.getFloat64(8 + 8 * index, true);
    if (!Number.isSafeInteger(length) || length < 0) throw new Error("its file is damaged");
    if (offset + length > bytes.byteLength) throw new Error("its file is cut off");
    const part = bytes.subarray(offset, offset + length);
    offset = aligned(offset + length);
    return part;
  });
}

function aligned(byteLength: number): number {
  return Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT;
}

async function writeFile(path: string, flags: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await writeAll(file, pieces);
  } finally {
    await file.close();
  }
}

/** Writes all pieces, however little the system takes at a time. */
async function writeAll(
  file: Awaited<ReturnType<typeof open>>,
  pieces: readonly Uint8Array[],
): Promise<void> {
  let left: readonly Uint8Array[] = pieces;
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left.slice(0, MAX_PIECES));
    left = after(left, bytesWritten);
  }
}

/** Linux takes no more in one call. */
const MAX_PIECES = 1_024;

function after(pieces: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let rest = written;
  for (const [index, piece] of pieces.entries()) {
    if (rest < piece.byteLength) return [piece.subarray(rest), ...pieces.slice(index + 1)];
    rest -= piece.byteLength;
  }
  return [];
}
