// The objects that are too large for messages: how much shared memory they take, and what goes to disk when it is short.
//
// 1. The files in memory are never told to be less than they are; above the capacity the objects used longest ago are
//    spilled first.
// 2. Spilling copies before it deletes, so that an object is readable all the time.
// 3. A full disk is an error for who needs the room, and loses nothing.

import { existsSync, renameSync } from "node:fs";
import { copyFile, mkdtemp, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { type Clock, ShoalError, systemCodeOf } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import { isRunning } from "../is-running.ts";
import type { Id } from "../workers/messages.ts";
import { makeMemoryFolder, type ObjectFolders, SharedMemoryFolder } from "./shared-memory.ts";

export interface ObjectStoreOptions {
  /** Bytes of shared memory; by default 30 % of the machine's memory, or what the mount has left. */
  readonly capacityBytes?: number;
  /** Where the folder for spilled objects is made; the system's temporary folder by default. */
  readonly spillFolder?: string;
  /** Called when room is short, before anything is spilled: to free what nobody uses any more. */
  readonly onShort?: () => Promise<void>;
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Logger;
}

export interface ObjectStoreStats {
  readonly objects: number;
  readonly bytes: number;
  readonly capacityBytes: number;
  readonly spilledObjects: number;
  readonly spilledBytes: number;
  /** Objects that were spilled and brought back, so far. */
  readonly spills: number;
  readonly restores: number;
}

interface Stored {
  readonly bytes: number;
  readonly spilled: boolean;
  /** Whether somebody may have a view on its file: then its memory is not written over. */
  seen: boolean;
}

/** A file of an object that is gone, kept for its memory. */
interface Spare {
  readonly path: string;
  readonly bytes: number;
}

/** Smaller files are not worth keeping. */
const MIN_SPARE_BYTES = 2 ** 20;
/** Of the capacity. */
const SPARE_SHARE = 0.25;
const COLLECT_SHARE = 0.1;

const DEFAULT_SHARE = 0.3;

export class ObjectStore implements AsyncDisposable {
  readonly folders: ObjectFolders;
  readonly #files: SharedMemoryFolder;
  readonly #capacityBytes: number;
  readonly #log: Logger;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #onShort: () => Promise<void>;
  /** In the order of their last use. */
  readonly #objects = new Map<Id, Stored>();
  readonly #spares: Spare[] = [];
  #spareBytes = 0;
  #closed = false;
  /** Stored since the last collection. */
  #uncollectedBytes = 0;
  #nextCollectMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #spilledBytes = 0;
  #spills = 0;
  #restores = 0;
  /** Room is made for one at a time. */
  #making: Promise<void> = Promise.resolve();

  private constructor(
    folders: ObjectFolders,
    capacityBytes: number,
    { log, clock, onShort = async () => {} }: Pick<ObjectStoreOptions, "log" | "clock" | "onShort">,
  ) {
    this.folders = folders;
    this.#files = SharedMemoryFolder.at(folders);
    this.#capacityBytes = capacityBytes;
    this.#log = log;
    this.#clock = clock;
    this.#onShort = onShort;
  }

  static async start(options: ObjectStoreOptions): Promise<ObjectStore> {
    const { capacityBytes, spillFolder } = options;
    const memory = makeMemoryFolder();
    await sweep(dirname(memory));
    const spill = await mkdtemp(join(spillFolder ?? tmpdir(), `shoal-spill-${process.pid}-`));
    await sweep(dirname(spill));
    const capacity = capacityBytes ?? (await defaultCapacity(memory));
    return new ObjectStore({ memory, spill }, capacity, options);
  }

  /** Bytes of the file. Rejects with OBJECT_STORE_FULL. */
  async write(id: Id, parts: readonly Uint8Array[]): Promise<number> {
    const spare = await this.room(parts.reduce((sum, part) => sum + part.byteLength, 0));
    const bytes = await this.#files.write(id, parts, spare);
    this.adopt(id, bytes);
    return bytes;
  }

  /** Takes over a file that a worker wrote. */
  adopt(id: Id, fileBytes: number): void {
    this.#forget(id);
    this.#objects.set(id, { bytes: fileBytes, spilled: false, seen: false });
    this.#bytes += fileBytes;
    if (this.#bytes > this.#capacityBytes) {
      // Room was made for it, but others may have come first.
      this.#room(0).catch((error: unknown) =>
        this.#log.warn({ err: error }, "the object store is above its capacity"),
      );
    }
  }

  /** The object's parts, as views on its file. Throws OBJECT_LOST. */
  open(id: Id): readonly Uint8Array[] {
    this.#touch(id, true);
    return this.#files.open(id);
  }

  /**
   * Spills until `bytes` more fit. Resolves with a file to write over, if there is one that is large enough. Rejects with
   * OBJECT_STORE_FULL when they never will, or the disk is full.
   */
  async room(bytes: number): Promise<string | undefined> {
    await this.#collectNowAndThen(bytes);
    return await this.#room(bytes);
  }

  /**
   * References die with a garbage collection, of which a process with large objects and a small heap has few. So one is
   * asked for whenever much was stored, unless collecting takes more than a twentieth of the time.
   */
  async #collectNowAndThen(bytes: number): Promise<void> {
    this.#uncollectedBytes += bytes;
    const startMs = this.#clock.nowMs();
    if (this.#uncollectedBytes < this.#capacityBytes * COLLECT_SHARE || startMs < this.#nextCollectMs) return;
    this.#uncollectedBytes = 0;
    await this.#onShort();
    const endMs = this.#clock.nowMs();
    this.#nextCollectMs = endMs + 20 * (endMs - startMs);
  }

  #room(bytes: number): Promise<string | undefined> {
    const spare = this.#takeSpare(bytes);
    if (spare !== undefined || this.#bytes + bytes <= this.#capacityBytes) return Promise.resolve(spare);
    if (bytes > this.#capacityBytes) {
      const what = `Cannot store an object of ${bytes} bytes: the object store has ${this.#capacityBytes}`;
      return Promise.reject(new ShoalError("OBJECT_STORE_FULL", what));
    }
    const made = this.#making.then(() => this.#makeRoom(bytes));
    this.#making = made.catch(() => undefined);
    return made.then(() => this.#takeSpare(bytes));
  }

  /** Whether an object is in memory, to be opened now. */
  isAtHand(id: Id): boolean {
    if (this.#objects.get(id)?.spilled !== false) return false;
    this.#touch(id, true);
    return existsSync(this.#files.pathOf(id));
  }

  /** Makes sure that an object can be read; a spilled one comes back to memory while there is room. */
  async restore(id: Id): Promise<void> {
    const stored = this.#objects.get(id);
    this.#touch(id, true);
    if (stored?.spilled === true) await this.#bringBack(id, stored);
    await stat(this.#files.pathOf(id)).catch(() => stat(this.#files.spillPathOf(id)));
  }

  isSpilled(id: Id): boolean {
    return this.#objects.get(id)?.spilled ?? false;
  }

  delete(id: Id): void {
    const stored = this.#objects.get(id);
    this.#forget(id);
    if (stored !== undefined && this.#keepSpare(id, stored)) return;
    for (const path of [this.#files.pathOf(id), this.#files.spillPathOf(id)]) {
      rm(path, { force: true }).catch((error: unknown) =>
        this.#log.warn({ err: error }, "cannot delete an object"),
      );
    }
  }

  stats(): ObjectStoreStats {
    let spilledObjects = 0;
    for (const { spilled } of this.#objects.values()) if (spilled) spilledObjects++;
    return {
      objects: this.#objects.size,
      bytes: this.#bytes,
      capacityBytes: this.#capacityBytes,
      spilledObjects,
      spilledBytes: this.#spilledBytes,
      spills: this.#spills,
      restores: this.#restores,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#making;
    this.#closed = true;
    await rm(this.folders.memory, { recursive: true, force: true });
    await rm(this.folders.spill, { recursive: true, force: true });
  }

  async #makeRoom(bytes: number): Promise<void> {
    for (const { path } of this.#spares.splice(0)) await rm(path, { force: true });
    this.#spareBytes = 0;
    if (this.#bytes + bytes > this.#capacityBytes) await this.#onShort();
    for (const [id, stored] of this.#objects) {
      if (this.#bytes + bytes <= this.#capacityBytes) return;
      if (!stored.spilled) await this.#spill(id, stored); // invariant 1
    }
    if (this.#bytes + bytes <= this.#capacityBytes) return;
    const what = `Cannot store an object of ${bytes} bytes: ${this.#bytes} of ${this.#capacityBytes} are taken`;
    throw new ShoalError("OBJECT_STORE_FULL", what);
  }

  /** Invariants 2 and 3. */
  async #spill(id: Id, stored: Stored): Promise<void> {
    const [from, to] = [this.#files.pathOf(id), this.#files.spillPathOf(id)];
    await this.#move(from, to, stored.bytes);
    if (this.#objects.get(id) === stored) {
      this.#setWhere(id, stored, true);
      this.#spills++;
    } else await rm(to, { force: true }); // deleted meanwhile
    await rm(from, { force: true });
  }

  async #bringBack(id: Id, stored: Stored): Promise<void> {
    if (this.#bytes + stored.bytes > this.#capacityBytes) return; // it is read where it is
    const [from, to] = [this.#files.spillPathOf(id), this.#files.pathOf(id)];
    try {
      await this.#move(from, to, stored.bytes);
    } catch {
      return;
    }
    if (this.#objects.get(id) === stored) {
      this.#setWhere(id, stored, false);
      this.#restores++;
      await rm(from, { force: true });
    }
  }

  async #move(from: string, to: string, bytes: number): Promise<void> {
    const temporary = `${to}.new`;
    try {
      await copyFile(from, temporary);
      await rename(temporary, to);
    } catch (cause) {
      await rm(temporary, { force: true });
      if (systemCodeOf(cause) === "ENOENT") return; // deleted meanwhile
      const what = `Cannot spill an object of ${bytes} bytes to disk`;
      const why = systemCodeOf(cause) === "ENOSPC" ? "the disk is full" : String(cause);
      throw new ShoalError("OBJECT_STORE_FULL", `${what}: ${why}`, { cause });
    }
  }

  #setWhere(id: Id, { bytes }: Stored, spilled: boolean): void {
    this.#forget(id);
    this.#objects.set(id, { bytes, spilled, seen: true });
    if (spilled) this.#spilledBytes += bytes;
    else this.#bytes += bytes;
  }

  /** Keeps the file of a deleted object, unless somebody may look at it still. */
  #keepSpare(id: Id, { bytes, spilled, seen }: Stored): boolean {
    const most = this.#capacityBytes * SPARE_SHARE;
    if (this.#closed || seen || spilled || bytes < MIN_SPARE_BYTES || this.#spareBytes + bytes > most)
      return false;
    const path = `${this.#files.pathOf(id)}.spare`;
    try {
      renameSync(this.#files.pathOf(id), path);
    } catch {
      return false;
    }
    this.#spares.push({ path, bytes });
    this.#spareBytes += bytes;
    return true;
  }

  /** The smallest spare file of at least `bytes` and not above twice that. */
  #takeSpare(bytes: number): string | undefined {
    let best = -1;
    for (const [index, spare] of this.#spares.entries()) {
      if (spare.bytes < bytes || spare.bytes > 2 * bytes) continue;
      if (best < 0 || spare.bytes < (this.#spares[best]?.bytes ?? 0)) best = index;
    }
    const [spare] = best < 0 ? [] : this.#spares.splice(best, 1);
    if (spare !== undefined) this.#spareBytes -= spare.bytes;
    return spare?.path;
  }

  #touch(id: Id, seen: boolean): void {
    const stored = this.#objects.get(id);
    if (stored === undefined) return;
    stored.seen ||= seen;
    this.#objects.delete(id);
    this.#objects.set(id, stored);
  }

  #forget(id: Id): void {
    const stored = this.#objects.get(id);
    if (stored === undefined) return;
    this.#objects.delete(id);
    if (stored.spilled) this.#spilledBytes -= stored.bytes;
    else this.#bytes -= stored.bytes;
  }
}

async function defaultCapacity(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.floor(Math.min(totalmem() * DEFAULT_SHARE, bavail * bsize));
}

const OWN_FOLDER = /^shoal-(?:spill-)?(\d+)-/;

/** Removes what runtimes left that were killed. */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = Number(OWN_FOLDER.exec(basename(name))?.[1]);
    if (Number.isSafeInteger(pid) && pid > 0 && !isRunning(pid)) {
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
