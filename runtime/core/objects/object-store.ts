// The objects that are too large for messages: how much shared memory they take, and what goes to disk when it is short.
//
// 1. The files in memory are never told to be less than they are; above the capacity the objects used longest ago are
//    spilled first.
// 2. A move copies before it deletes, and one object moves at a time: each is readable, whole, at every moment.
// 3. A full or missing disk is an error for who needs the room, and loses nothing.
// 4. An object that was deleted leaves no file, also when it was being moved.

import { existsSync, renameSync, statSync } from "node:fs";
import { copyFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, messageOf, ShoalError, systemCodeOf } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import type { Id } from "../workers/messages.ts";
import { Regions } from "./regions.ts";
import {
  lostObject,
  type ObjectFolders,
  SharedMemoryFolder,
  unfinishedBy,
  writeInto,
} from "./shared-memory.ts";
import { SpareFiles } from "./spare-files.ts";
import { defaultCapacity, makeFolders } from "./store-folders.ts";
import { type OnShort, StoreCollections } from "./store-collections.ts";
import { isUnused, removeUnused } from "./unused-file.ts";

export interface ObjectStoreOptions {
  /** Bytes of shared memory; by default 30 % of the machine's memory, or what the mount has left. */
  readonly capacityBytes?: number;
  /** Where the folder for spilled objects is made; the system's temporary folder by default. */
  readonly spillFolder?: string;
  /** Called when room is short, before anything is spilled: to free what nobody uses any more, in all processes or here. */
  readonly onShort?: OnShort;
  readonly clock: Pick<Clock, "nowMs" | "timer">;
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
  /** The process that wrote its file. */
  readonly writer: number;
  /** Whether somebody may have looked at its file: what counts where the system cannot be asked who does. */
  seen: boolean;
}

export interface RoomOptions {
  /** It should have fitted, and did not. */
  readonly mountIsFull?: boolean;
  /** The process that will write; this one by default. */
  readonly writer?: number | undefined;
}

/** Of the capacity. */
const SPARE_SHARE = 0.25;

export class ObjectStore implements AsyncDisposable {
  readonly folders: ObjectFolders;
  readonly #files: SharedMemoryFolder;
  readonly #capacityBytes: number;
  readonly #log: Logger;
  readonly #regions: Regions;
  readonly #collections: StoreCollections;
  readonly #onShort: OnShort;
  /** In the order of their last use. */
  readonly #objects = new Map<Id, Stored>();
  readonly #spares: SpareFiles;
  /** Processes that asked for room and are not known to be gone. */
  readonly #writers = new Set<number>();
  #closed = false;
  #bytes = 0;
  #spilledBytes = 0;
  #spills = 0;
  #restores = 0;
  #deletions = 0;
  #lastMove: Promise<void> = Promise.resolve();

  private constructor(
    folders: ObjectFolders,
    capacityBytes: number,
    { log, clock, onShort = async () => {} }: ObjectStoreOptions,
  ) {
    this.folders = folders;
    this.#regions = new Regions(clock);
    this.#files = SharedMemoryFolder.at(folders, this.#regions);
    this.#capacityBytes = capacityBytes;
    this.#spares = new SpareFiles(capacityBytes * SPARE_SHARE);
    const spares = this.#spares;
    this.#collections = new StoreCollections({ clock, capacityBytes, spares, onShort });
    this.#log = log;
    this.#onShort = onShort;
  }

  static async start(options: ObjectStoreOptions): Promise<ObjectStore> {
    const { capacityBytes, spillFolder } = options;
    const folders = await makeFolders(spillFolder);
    return new ObjectStore(folders, capacityBytes ?? (await defaultCapacity(folders.memory)), options);
  }

  /** Bytes of the file. Rejects with OBJECT_STORE_FULL. */
  async write(id: Id, parts: readonly Uint8Array[]): Promise<number> {
    const bytes = await writeInto(this.#files, {
      id,
      parts,
      room: (size, mountIsFull) => this.room(size, { mountIsFull }),
    });
    this.adopt(id, bytes);
    return bytes;
  }

  /** Takes over a file that a worker wrote, the process `writer`. */
  adopt(id: Id, fileBytes: number, writer = process.pid): void {
    // Made again beside a result of the same task that was lost; the copy on disk is nobody's then.
    if (this.isSpilled(id)) this.#remove(rm(this.#files.spillPathOf(id), { force: true }));
    this.#forget(id);
    this.#objects.set(id, { bytes: fileBytes, spilled: false, writer, seen: false });
    this.#bytes += fileBytes;
    this.#collections.stored(fileBytes);
    if (this.#bytes > this.#capacityBytes) {
      // Room was made for it, but others may have come first.
      this.#room(0, process.pid).catch((error: unknown) =>
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
   * Spills until `bytes` more fit. Resolves with a file to write over, the writer's alone from then on, if there is one that
   * is large enough. Rejects with OBJECT_STORE_FULL when they never will, or the disk is full.
   */
  async room(bytes: number, options: RoomOptions = {}): Promise<string | undefined> {
    const { mountIsFull = false, writer = process.pid } = options;
    if (this.#closed) throw new ShoalError("CANCELLED", "Cannot store an object: the runtime was shut down");
    this.#writers.add(writer);
    if (mountIsFull) await this.#inTurn(() => this.#squeeze(bytes));
    else await this.#collections.beforeTaking(bytes);
    const spare = await this.#room(bytes, writer);
    if (spare === undefined) this.#collections.took(bytes);
    if (spare === undefined || this.#closed) return undefined;
    if (this.#writers.has(writer)) return this.#lend(spare, writer);
    this.#remove(removeUnused(spare)); // the writer went while it waited: nobody will write, nor remove it
    return undefined;
  }

  /** Removes what a process was writing that is gone. */
  async removeUnfinished(writer: number): Promise<void> {
    if (!this.#writers.delete(writer)) return;
    for (const name of await readdir(this.folders.memory).catch(() => [])) {
      if (name.endsWith(unfinishedBy(writer)))
        this.#remove(rm(join(this.folders.memory, name), { force: true }));
    }
  }

  /** A file that is being written says by whom. */
  #lend(spare: string, writer: number): string | undefined {
    const lent = `${spare}${unfinishedBy(writer)}`;
    try {
      renameSync(spare, lent);
      return lent;
    } catch {
      return undefined; // it is gone
    }
  }

  #room(bytes: number, writer: number): Promise<string | undefined> {
    const spare = this.#spares.take(bytes, writer);
    if (spare !== undefined || this.#fits(bytes)) return Promise.resolve(spare);
    if (bytes > this.#capacityBytes) {
      const what = `Cannot store an object of ${bytes} bytes: the object store has ${this.#capacityBytes}`;
      return Promise.reject(new ShoalError("OBJECT_STORE_FULL", what));
    }
    return this.#inTurn(() => this.#makeRoom(bytes)).then(() => this.#spares.take(bytes, writer));
  }

  /** Moves wait for each other (invariant 2). */
  #inTurn(move: () => Promise<void>): Promise<void> {
    const done = this.#lastMove.then(move);
    this.#lastMove = done.catch(() => undefined);
    return done;
  }

  /** Whether an object is in memory, to be opened now. */
  isAtHand(id: Id): boolean {
    if (this.#objects.get(id)?.spilled !== false) return false;
    this.#touch(id, true);
    return existsSync(this.#files.pathOf(id));
  }

  /**
   * Makes sure that an object can be read; a spilled one comes back to memory while there is room. Rejects with
   * OBJECT_LOST when its file is gone or cut off.
   */
  async restore(id: Id): Promise<void> {
    this.#touch(id, true);
    if (this.isSpilled(id)) await this.#inTurn(() => this.#bringBack(id));
    const stored = this.#objects.get(id);
    if (stored === undefined) throw lostObject(id, new Error("it is not in the object store"));
    const path = stored.spilled ? this.#files.spillPathOf(id) : this.#files.pathOf(id);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw lostObject(id, new Error("its file is gone"));
    if (size < stored.bytes) throw lostObject(id, new Error("its file is cut off"));
  }

  isSpilled(id: Id): boolean {
    return this.#objects.get(id)?.spilled ?? false;
  }

  delete(id: Id): void {
    if (this.#closed) return; // it goes with its folder, in which nothing may appear now
    const stored = this.#objects.get(id);
    this.#forget(id);
    if (stored !== undefined && this.#keepSpare(id, stored)) return;
    const path = stored?.spilled === true ? this.#files.spillPathOf(id) : this.#files.pathOf(id);
    const deleted = this.#rename(path, "deleted");
    if (deleted !== undefined) this.#remove(rm(deleted, { force: true }));
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
    await this.#lastMove;
    this.#closed = true;
    this.#regions[Symbol.dispose]();
    await rm(this.folders.memory, { recursive: true, force: true });
    await rm(this.folders.spill, { recursive: true, force: true });
  }

  /** The mount has less than the accounts say: files that are gone take their memory as long as somebody has them mapped. */
  async #squeeze(bytes: number): Promise<void> {
    await this.#spares.clear();
    await this.#onShort("EVERYWHERE", "ALL");
    let freed = 0;
    for (const [id, stored] of this.#objects) {
      if (freed >= bytes) return;
      if (stored.spilled) continue;
      await this.#spill(id, stored);
      freed += stored.bytes;
    }
  }

  async #makeRoom(bytes: number): Promise<void> {
    await this.#spares.clear();
    if (!this.#fits(bytes)) await this.#onShort("EVERYWHERE", "ALL");
    for (const [id, stored] of this.#objects) {
      if (this.#fits(bytes)) return;
      if (!stored.spilled) await this.#spill(id, stored); // invariant 1
    }
    if (this.#fits(bytes)) return;
    const what = `Cannot store an object of ${bytes} bytes: ${this.#bytes} of ${this.#capacityBytes} are taken`;
    throw new ShoalError("OBJECT_STORE_FULL", what);
  }

  /** Invariant 1: spare files count, until they are let go. */
  #fits(bytes: number): boolean {
    return this.#bytes + this.#spares.bytes + bytes <= this.#capacityBytes;
  }

  async #spill(id: Id, stored: Stored): Promise<void> {
    const from = this.#files.pathOf(id);
    try {
      await this.#move(id, { stored, from, to: this.#files.spillPathOf(id) });
      this.#spills++;
    } catch (cause) {
      if (this.#objects.get(id) !== stored) return; // deleted meanwhile
      if (!existsSync(from)) return this.#forget(id); // what somebody removed takes no room
      const why = systemCodeOf(cause) === "ENOSPC" ? "the disk is full" : messageOf(cause); // invariant 3
      const what = `Cannot spill an object of ${stored.bytes} bytes to disk: ${why}`;
      throw new ShoalError("OBJECT_STORE_FULL", what, { cause });
    }
  }

  async #bringBack(id: Id): Promise<void> {
    const stored = this.#objects.get(id);
    // Without room it is read where it is.
    if (stored?.spilled !== true || this.#bytes + stored.bytes > this.#capacityBytes) return;
    try {
      await this.#move(id, { stored, from: this.#files.spillPathOf(id), to: this.#files.pathOf(id) });
      this.#restores++;
    } catch (error) {
      if (this.#objects.get(id) === stored) this.#log.warn({ err: error }, "an object stays on disk");
    }
  }

  /** Copies, tells the new place, deletes (invariant 2). */
  async #move(
    id: Id,
    { stored, from, to }: { readonly stored: Stored; readonly from: string; readonly to: string },
  ): Promise<void> {
    const unfinished = `${to}.moved`;
    try {
      await copyFile(from, unfinished);
      if (this.#objects.get(id) !== stored) throw new Error("it was deleted meanwhile");
      renameSync(unfinished, to); // at once after the look: invariant 4
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    this.#setWhere(id, stored, !stored.spilled);
    await rm(from, { force: true });
  }

  #setWhere(id: Id, { bytes, writer }: Stored, spilled: boolean): void {
    this.#forget(id);
    this.#objects.set(id, { bytes, spilled, writer, seen: true });
    if (spilled) this.#spilledBytes += bytes;
    else this.#bytes += bytes;
  }

  /** Keeps the file of a deleted object, unless somebody looks at it still. False when it is still where it was. */
  #keepSpare(id: Id, { bytes, spilled, writer, seen }: Stored): boolean {
    if (spilled || !this.#spares.mayServe(bytes)) return false;
    const path = this.#rename(this.#files.pathOf(id), "spare");
    if (path === undefined) return false;
    if (!isUnused(path, seen)) this.#remove(rm(path, { force: true }));
    else if (this.#spares.wants(bytes)) this.#spares.add({ path, bytes, writer });
    else this.#remove(removeUnused(path));
    return true;
  }

  /** Away from its name at once: what is written under it next must stay. The name that only we know, if it was there. */
  #rename(path: string, kind: "deleted" | "spare"): string | undefined {
    const renamed = `${path}.${++this.#deletions}.${kind}`;
    try {
      renameSync(path, renamed);
      return renamed;
    } catch {
      return undefined;
    }
  }

  #remove(removal: Promise<void>): void {
    removal.catch((error: unknown) => this.#log.warn({ err: error }, "cannot delete an object"));
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
