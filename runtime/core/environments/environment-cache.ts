// Folders that environments are made of, kept by what is in them, and shared by every runtime of this user.
//
//   <cache>/<name>/content        what was built; <name> is its kind and its hash
//   <cache>/<name>/entry.json     its size and fingerprint
//   <cache>/uses/<name>@<owner>   a process uses it
//   <cache>/<name>@<owner>…       being built, or on its way out
//
// 1. An entry appears whole under its name or not at all: it is built elsewhere and moved there.
// 2. One that is not as it was built (a task wrote into it, a disk lost it) is never given out: where others use it, a
//    new one is made beside it.
// 3. What a running process uses is not removed. The rest goes, least recently used first, once it is above `maxBytes`.
// 4. What a process left behind that ended in the middle of building is removed by the next one.
// 5. The folder is this user's alone: what is in it is run.

import { randomUUID } from "node:crypto";
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Clock, makeFolder, ShoalError, systemCodeOf } from "../../base/index.ts";
import { isRunning } from "../is-running.ts";
import { type Fingerprint, fingerprintOf } from "./file-tree.ts";

export interface CacheOptions {
  /** Undefined for a user without a home: then nothing can be acquired. */
  readonly folder: string | undefined;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** Unfinished work of another machine that shares the folder is given up after this. */
const ABANDONED_MS = 24 * 60 * 60 * 1_000;
const HOST = hostname().replaceAll(/[^\w.-]/g, "_");

export class EnvironmentCache implements AsyncDisposable {
  readonly #options: CacheOptions;
  /** Unique even among the runtimes of one process. */
  readonly #owner = `${HOST}~${process.pid}~${randomUUID().slice(0, 8)}`;
  readonly #held = new Set<string>();
  readonly #pending = new Map<string, Promise<string>>();
  #opened: Promise<string> | undefined;
  #builds = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  /**
   * The folder with what `build` puts into it, built now or by whomever before. It is there until this cache is disposed
   * of. Rejects with what `build` threw; the next call tries again.
   */
  async acquire(name: string, build: (folder: string) => Promise<void>): Promise<string> {
    for (let other = this.#pending.get(name); other !== undefined; other = this.#pending.get(name)) {
      // Theirs may have failed for want of time, of which this one has more.
      const folder = await other.catch(() => undefined);
      if (folder !== undefined) return folder;
    }
    const pending = this.#acquire(name, build);
    this.#pending.set(name, pending);
    try {
      return await pending;
    } catch (error) {
      this.#pending.delete(name);
      throw error;
    }
  }

  /** Ends this process's uses; what it has acquired may be removed from now on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#pending.values());
    const root = await this.#opened?.catch(() => undefined);
    if (root === undefined) return;
    for (const name of this.#held) await rm(join(root, "uses", `${name}@${this.#owner}`), { force: true });
    this.#held.clear();
  }

  async #acquire(name: string, build: (folder: string) => Promise<void>): Promise<string> {
    const root = await this.#root();
    for (let copy = 0; ; copy++) {
      const own = copy === 0 ? name : `${name}.${copy}`;
      await this.#use(root, own);
      let state = await this.#stateOf(root, own);
      if (state === "changed" && (await this.#users(root, own)).length <= 1) {
        await this.#remove(root, own);
        state = "absent";
      }
      if (state === "absent") state = await this.#build(root, own, build);
      if (state === "whole") {
        const now = this.#options.clock.epochMs() / 1_000;
        await utimes(join(root, own, "entry.json"), now, now);
        return join(root, own, "content");
      }
      await this.#leave(root, own); // invariant 2
    }
  }

  async #build(
    root: string,
    name: string,
    build: (folder: string) => Promise<void>,
  ): Promise<"whole" | "changed"> {
    const place = join(root, `${name}@${this.#owner}~${++this.#builds}`);
    const content = join(place, "content");
    try {
      await mkdir(content, { recursive: true });
      await build(content);
      await writeFile(join(place, "entry.json"), JSON.stringify(await fingerprintOf(content)));
      if (!(await moved(place, join(root, name)))) return await this.#othersOf(root, name);
      await this.#trim(root);
      return "whole";
    } catch (error) {
      await this.#leave(root, name);
      throw error;
    } finally {
      // Processes that were killed a moment ago may still write there.
      await rm(place, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  /** Somebody else has built it meanwhile. */
  async #othersOf(root: string, name: string): Promise<"whole" | "changed"> {
    return (await this.#stateOf(root, name)) === "whole" ? "whole" : "changed";
  }

  async #stateOf(root: string, name: string): Promise<"absent" | "whole" | "changed"> {
    const entry = await this.#entry(root, name);
    if (entry === undefined) return "absent";
    const found = await fingerprintOf(join(root, name, "content")).catch(() => undefined);
    return found?.digest === entry.digest ? "whole" : "changed";
  }

  async #entry(root: string, name: string): Promise<Fingerprint | undefined> {
    try {
      const entry: unknown = JSON.parse(await readFile(join(root, name, "entry.json"), "utf8"));
      return isFingerprint(entry) ? entry : { bytes: 0, digest: "damaged" };
    } catch (error) {
      if (systemCodeOf(error) === "ENOENT") return undefined;
      return { bytes: 0, digest: "damaged" };
    }
  }

  /** Invariant 3. */
  async #trim(root: string): Promise<void> {
    const entries: { readonly name: string; readonly bytes: number; readonly usedMs: number }[] = [];
    for (const name of await readdir(root)) {
      if (name === "uses" || name.includes("@")) continue;
      const used = await stat(join(root, name, "entry.json")).catch(() => undefined);
      const entry = await this.#entry(root, name);
      entries.push({ name, bytes: entry?.bytes ?? 0, usedMs: used?.mtimeMs ?? 0 });
    }
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of entries.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= this.#options.maxBytes) return;
      if ((await this.#users(root, entry.name)).length > 0) continue;
      if (await this.#remove(root, entry.name)) bytes -= entry.bytes;
    }
  }

  /** False when somebody has begun to use it meanwhile: then it is back. */
  async #remove(root: string, name: string): Promise<boolean> {
    const place = join(root, `${name}@${this.#owner}~${++this.#builds}`);
    if (!(await moved(join(root, name), place))) return false;
    // A user marks itself before it looks: either it sees that the entry is gone, or its mark is seen here.
    const mark = `${name}@${this.#owner}`;
    const others = (await this.#users(root, name)).filter((user) => user !== mark);
    if (others.length > 0 && (await moved(place, join(root, name)))) return false;
    await rm(place, { recursive: true, force: true });
    return true;
  }

  async #use(root: string, name: string): Promise<void> {
    await writeFile(join(root, "uses", `${name}@${this.#owner}`), "");
    this.#held.add(name);
  }

  async #leave(root: string, name: string): Promise<void> {
    await rm(join(root, "uses", `${name}@${this.#owner}`), { force: true });
    this.#held.delete(name);
  }

  /** Marks of running users; those of dead ones are removed. */
  async #users(root: string, name: string): Promise<string[]> {
    const marks = (await readdir(join(root, "uses"))).filter((mark) => mark.startsWith(`${name}@`));
    const users: string[] = [];
    for (const mark of marks) {
      if (await this.#isAbandoned(join(root, "uses", mark)))
        await rm(join(root, "uses", mark), { force: true });
      else users.push(mark);
    }
    return users;
  }

  /** Opened by the first who needs it; tried again by the next when it cannot be. */
  async #root(): Promise<string> {
    const opened = (this.#opened ??= this.#open());
    try {
      return await opened;
    } catch (error) {
      if (this.#opened === opened) this.#opened = undefined;
      throw error;
    }
  }

  async #open(): Promise<string> {
    const { folder } = this.#options;
    if (folder === undefined) {
      const wanted = "wanted environmentCacheFolder or XDG_CACHE_HOME";
      throw new ShoalError("INVALID_ARGUMENT", `Cannot keep environments: this user has no home, ${wanted}`);
    }
    makeFolder(join(folder, "uses"), 0o700);
    const root = await realpath(folder);
    await this.#check(root);
    for (const place of [root, join(root, "uses")]) {
      for (const name of await readdir(place)) {
        const path = join(place, name);
        if (name.includes("@") && (await this.#isAbandoned(path))) {
          await rm(path, { recursive: true, force: true }); // invariant 4
        }
      }
    }
    return root;
  }

  /** Invariant 5. */
  async #check(root: string): Promise<void> {
    const { uid, mode } = await stat(root);
    const own = process.getuid?.() ?? uid;
    if (uid !== own) {
      const what = `Cannot use environmentCacheFolder "${root}": found user ${uid}, wanted ${own} as its owner`;
      throw new ShoalError("PERMISSION_DENIED", what);
    }
    if (process.platform !== "win32" && (mode & 0o022) !== 0) await chmod(root, 0o700);
  }

  /** Whether the process that a path is named after is gone; of another machine only its age is known. */
  async #isAbandoned(path: string): Promise<boolean> {
    const [host = "", pid = ""] = path.slice(path.lastIndexOf("@") + 1).split("~");
    if (host === HOST) return !isRunning(Number(pid));
    const found = await stat(path).catch(() => undefined);
    return found !== undefined && this.#options.clock.epochMs() - found.mtimeMs > ABANDONED_MS;
  }
}

/** Invariant 1. False when the target is taken, or there is nothing to move any more. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT") return false;
    throw error;
  }
}

function isFingerprint(value: unknown): value is Fingerprint {
  return (
    typeof value === "object" &&
    value !== null &&
    "bytes" in value &&
    typeof value.bytes === "number" &&
    "digest" in value &&
    typeof value.digest === "string"
  );
}
