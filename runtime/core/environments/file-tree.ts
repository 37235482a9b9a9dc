// The files of a folder: found, hashed, copied.
//
// 1. A hash says everything that a reader can see: relative paths, contents, whether a file may be executed.
// 2. Links are followed, and their targets taken; one that leads nowhere or to a folder above it is left out.
// 3. `.git` and `node_modules` are left out unless a rule takes them back.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, lstat, mkdir, readdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ShoalError } from "../../base/index.ts";
import { IgnoreRules } from "./ignore-rules.ts";

export interface TreeFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly executable: boolean;
}

export interface TreeOptions {
  readonly excludes: readonly string[];
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Ray's limit for a working directory. */
export const MAX_TREE_BYTES = 512 * 2 ** 20;
const IGNORE_FILES = [".gitignore", ".shoalignore"];
const MEBIBYTE = 2 ** 20;

/** In the order of their paths. Rejects with INVALID_ARGUMENT above `maxBytes`. */
export async function listFiles(folder: string, options: TreeOptions): Promise<TreeFile[]> {
  const files: TreeFile[] = [];
  const defaults = IgnoreRules.of([".git", "node_modules"]); // invariant 3
  const own = IgnoreRules.of(options.excludes);
  const walk = async (path: string, rules: IgnoreRules, above: readonly string[]): Promise<void> => {
    options.signal.throwIfAborted();
    const here = await realpath(join(folder, path));
    if (above.includes(here)) return; // invariant 2
    const entries = await readdir(here, { withFileTypes: true });
    const inside = rules.with(await rulesIn(here, path));
    const all = inside.with(own);
    for (const { name } of entries) {
      const found = await stat(join(here, name)).catch(() => undefined); // invariant 2
      const inner = `${path}${name}`;
      if (found === undefined || all.ignores(inner, found.isDirectory())) continue;
      if (found.isDirectory()) await walk(`${inner}/`, inside, [...above, here]);
      else if (found.isFile()) {
        files.push({ path: inner, bytes: found.size, executable: (found.mode & 0o100) !== 0 });
      }
    }
  };
  await walk("", defaults, []);
  checkSize(folder, files, options.maxBytes);
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Invariant 1. */
export async function hashFiles(
  folder: string,
  files: readonly TreeFile[],
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  for (const { path, executable } of files) {
    const content = createHash("sha256");
    for await (const chunk of createReadStream(join(folder, path), { signal })) content.update(chunk);
    hash.update(JSON.stringify([path, executable, content.digest("hex")]));
  }
  return hash.digest("hex");
}

/** Copies by reference where the file system can. */
export async function copyFiles(
  { from, to }: { readonly from: string; readonly to: string },
  files: readonly TreeFile[],
  signal: AbortSignal,
): Promise<void> {
  await mkdir(to, { recursive: true });
  const made = new Set<string>();
  for (const { path } of files) {
    signal.throwIfAborted();
    const target = join(to, path);
    const parent = dirname(target);
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    await copyFile(join(from, path), target);
  }
}

export interface Fingerprint {
  readonly bytes: number;
  /** Of names, sizes and times, not of contents: it is quick. */
  readonly digest: string;
}

/** Says whether a folder is as it was. Caches that packages keep in `node_modules/.cache` do not count. */
export async function fingerprintOf(folder: string): Promise<Fingerprint> {
  const hash = createHash("sha256");
  let bytes = 0;
  const walk = async (path: string): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = join(path, entry.name);
      if (inner === join("node_modules", ".cache")) continue;
      if (entry.isDirectory()) {
        hash.update(JSON.stringify([inner]));
        await walk(inner);
        continue;
      }
      const { size, mtimeMs } = await lstat(join(folder, inner));
      bytes += size;
      hash.update(JSON.stringify([inner, size, Math.floor(mtimeMs)]));
    }
  };
  await walk("");
  return { bytes, digest: hash.digest("hex") };
}

async function rulesIn(folder: string, path: string): Promise<IgnoreRules> {
  let rules = IgnoreRules.of([]);
  for (const name of IGNORE_FILES) {
    const text = await readFile(join(folder, name), "utf8").catch(() => "");
    rules = rules.with(IgnoreRules.of(text.split("\n"), path));
  }
  return rules;
}

function checkSize(folder: string, files: readonly TreeFile[], maxBytes: number): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= maxBytes) return;
  const largest = files.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3);
  const named = largest.map((file) => `${file.path} (${mebibytes(file.bytes)})`).join(", ");
  const what = `Cannot copy "${folder}": found ${mebibytes(bytes)}, wanted at most ${mebibytes(maxBytes)}`;
  const hint = `the largest are ${named}; leave out by excludes, .gitignore or .shoalignore`;
  throw new ShoalError("INVALID_ARGUMENT", `${what}; ${hint}`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}
