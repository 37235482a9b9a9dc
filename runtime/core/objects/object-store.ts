// The objects that are too large for messages: how much shared memory they take, and what goes to disk when it is short.
//
// 1. The files in memory are never told to be less than they are; above the capacity the objects used longest ago are
//    spilled first.
// 2. Spilling copies before it deletes, so that an object is readable all the time.
// 3. A full disk is an error for who needs the room, and loses nothing.

import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { ShoalError, systemCodeOf } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import { isRunning } from "../is-running.ts";
import type { Id } from "../workers/messages.ts";
import { makeMemoryFolder, type ObjectFolders, SharedMemoryFolder } from "./shared-memory.ts";

export interface ObjectStoreOptions {
  /** Bytes of shared memory; by default 30 % of the machine's memory, or what the mount has left. */
  readonly capacityBytes?: number;
  /** Where the folder for spilled objects is made; the system's temporary folder by default. */
  readonly spillFolder?: string;
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
}

const DEFAULT_SHARE = 0.3;

export class ObjectStore implements AsyncDisposable {
  readonly folders: ObjectFolders;
  readonly #files: SharedMemoryFolder;
  readonly #capacityBytes: number;
  readonly #log: Logger;
  /** In the order of their last use. */
  readonly #objects = new Map<Id, Stored>();
  #bytes = 0;
  #spilledBytes = 0;
  #spills = 0;
  #restores = 0;
  /** Room is made for one at a time. */
  #making: Promise<void> = Promise.resolve();

  private constructor(folders: ObjectFolders, capacityBytes: number, log: Logger) {
    this.folders = folders;
    this.#files = SharedMemoryFolder.at(folders);
    this.#capacityBytes = capacityBytes;
    this.#log = log;
  }

  static async start({ capacityBytes, spillFolder, log }: ObjectStoreOptions): Promise<ObjectStore> {
    const memory = makeMemoryFolder();
    await sweep(dirname(memory));
    const spill = await mkdtemp(join(spillFolder ?? tmpdir(), `shoal-spill-${process.pid}-`));
    await sweep(dirname(spill));
    const capacity = capacityBytes ?? (await defaultCapacity(memory));
    return new ObjectStore({ memory, spill }, capacity, log);
  }

  /** Bytes of the file. Rejects with OBJECT_STORE_FULL. */
  async write(id: Id, parts: readonly Uint8Array[]): Promise<number> {
    await this.room(parts.reduce((sum, part) => sum + part.byteLength, 0));
    const bytes = await this.#files.write(id, parts);
    this.adopt(id, bytes);
    return bytes;
  }

  /** Takes over a file that a worker wrote. */
  adopt(id: Id, fileBytes: number): void {
    this.#forget(id);
    this.#objects.set(id, { bytes: fileBytes, spilled: false });
    this.#bytes += fileBytes;
    if (this.#bytes > this.#capacityBytes) {
      // Room was made for it, but others may have come first.
      this.room(0).catch((error: unknown) =>
        this.#log.warn({ err: error }, "the object store is above its capacity"),
      );
    }
  }

  /** The object's parts, as views on its file. Throws OBJECT_LOST. */
  open(id: Id): readonly Uint8Array[] {
    this.#touch(id);
    return this.#files.open(id);
  }

  /** Spills until `bytes` more fit. Rejects with OBJECT_STORE_FULL when they never will, or the disk is full. */
  room(bytes: number): Promise<void> {
    if (this.#bytes + bytes <= this.#capacityBytes) return Promise.resolve();
    if (bytes > this.#capacityBytes) {
      const what = `Cannot store an object of ${bytes} bytes: the object store has ${this.#capacityBytes}`;
      return Promise.reject(new ShoalError("OBJECT_STORE_FULL", what));
    }
    const made = this.#making.then(() => this.#makeRoom(bytes));
    this.#making = made.catch(() => undefined);
    return made;
  }

  /** Whether an object is in memory, to be opened now. */
  isAtHand(id: Id): boolean {
    if (this.#objects.get(id)?.spilled !== false) return false;
    this.#touch(id);
    return existsSync(this.#files.pathOf(id));
  }

  /** Makes sure that an object can be read; a spilled one comes back to memory while there is room. */
  async restore(id: Id): Promise<void> {
    const stored = this.#objects.get(id);
    this.#touch(id);
    if (stored?.spilled === true) await this.#bringBack(id, stored);
    await stat(this.#files.pathOf(id)).catch(() => stat(this.#files.spillPathOf(id)));
  }

  isSpilled(id: Id): boolean {
    return this.#objects.get(id)?.spilled ?? false;
  }

  delete(id: Id): void {
    this.#forget(id);
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
    await rm(this.folders.memory, { recursive: true, force: true });
    await rm(this.folders.spill, { recursive: true, force: true });
  }

  async #makeRoom(bytes: number): Promise<void> {
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
    this.#objects.set(id, { bytes, spilled });
    if (spilled) this.#spilledBytes += bytes;
    else this.#bytes += bytes;
  }

  #touch(id: Id): void {
    const stored = this.#objects.get(id);
    if (stored === undefined) return;
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
