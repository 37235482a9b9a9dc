// What stands behind the paths of a deployment's config, as a hash: when it changes, so does the deployment's version.
//
// 1. Modules and the files they name go by their bytes; models, and anything large, by size and time of change.
// 2. Bounded: so many files, so much of each.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { readOnnxFile } from "../../runtime/engines/index.ts";
import type { DeploymentConfig } from "../config/index.ts";
import { isModule, localImports } from "./local-imports.ts";

export interface Contents {
  readonly hash: string;
  /** Every file looked at, absolute: the one that the config names first. */
  readonly files: readonly string[];
  /** The file that the config names is not there, or is none. */
  readonly missing: boolean;
}

const MAX_FILES = 1_000;
/** Past this a file goes by its size and time. */
const MAX_READ_BYTES = 4 * 1024 * 1024;
const HASH_DIGITS = 24;
/** Where ONNX keeps large weights by custom; the model says which files it has. */
const EXTERNAL_DATA = [".data", "_data"] as const;

/** Never rejects: what cannot be read counts as not there. */
export async function contentsOf({
  engine,
  path,
}: Pick<DeploymentConfig["source"], "engine" | "path">): Promise<Contents> {
  const paths = engine === "onnx" ? [path, ...weightFiles(path)] : [path];
  const hash = createHash("sha256");
  const seen = new Set(paths);
  const files: string[] = [];
  let missing = false;
  // A set is walked in the order of insertion, also what is added meanwhile.
  for (const file of seen) {
    const stamp = await stampOf(file, engine === "module");
    if (file === path) missing = stamp === undefined;
    if (stamp === undefined) continue;
    files.push(file);
    hash.update(`${relative(dirname(path), file)}\0${stamp.key}\0`).update(stamp.bytes);
    if (stamp.bytes.byteLength === 0 || !isModule(file)) continue;
    for (const next of localImports(file, stamp.bytes.toString("utf8"))) {
      if (seen.size < MAX_FILES) seen.add(next); // invariant 2
    }
  }
  return { hash: hash.digest("hex").slice(0, HASH_DIGITS), files: missing ? [path] : files, missing };
}

/** Invariant 2. */
function weightFiles(path: string): readonly string[] {
  const named = readOnnxFile(path)?.externalData.slice(0, MAX_FILES) ?? [];
  return [
    ...EXTERNAL_DATA.map((ending) => path + ending),
    ...named.map(({ location }) => join(dirname(path), location)),
  ];
}

interface Stamp {
  readonly key: string;
  /** Empty when it does not go by its bytes. */
  readonly bytes: Buffer;
}

/** Invariant 1. Undefined for what is no readable file. */
async function stampOf(file: string, byBytes: boolean): Promise<Stamp | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return undefined;
    if (byBytes && found.size <= MAX_READ_BYTES) return { key: "bytes", bytes: await readFile(file) };
    return { key: `${found.size} ${found.mtimeMs}`, bytes: Buffer.alloc(0) };
  } catch {
    return undefined;
  }
}
