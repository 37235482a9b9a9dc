// Local folders as entries of the cache: a working directory, a package to be imported, one to be installed by npm.
//
// 1. The name of an entry is the hash of what was copied, not of what was found first: a folder may change meanwhile.

import { mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { ShoalError } from "../../base/index.ts";
import type { EnvironmentCache } from "./environment-cache.ts";
import { copyFiles, hashFiles, listFiles, MAX_TREE_BYTES } from "./file-tree.ts";

export interface FolderOptions {
  readonly cache: EnvironmentCache;
  readonly excludes: readonly string[];
  readonly signal: AbortSignal;
}

/** How often a folder may change while it is copied. */
const ATTEMPTS = 5;

/** A copy of a folder. */
export async function keepWorkingDir(folder: string, options: FolderOptions): Promise<string> {
  return await keep("working-dir", folder, { ...options, finish: async () => "", place: "" });
}

/** A folder from which the package can be imported by its name. */
export async function keepModule(folder: string, options: FolderOptions): Promise<string> {
  const name = await packageNameOf(folder);
  const finish = async (content: string): Promise<void> => {
    // A link, since Node runs no TypeScript inside of `node_modules`; it goes by where a module really is.
    const link = join(content, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(relative(dirname(link), join(content, "package")), link, "dir");
  };
  return await keep("module", folder, { ...options, finish, place: "package" });
}

/** Of what a folder has, for something that is made from it. */
export async function hashFolder(
  folder: string,
  { excludes, signal }: Omit<FolderOptions, "cache">,
): Promise<string> {
  const files = await listFiles(folder, { excludes, maxBytes: MAX_TREE_BYTES, signal });
  return await hashFiles(folder, files, signal);
}

async function keep(
  kind: string,
  folder: string,
  {
    cache,
    excludes,
    signal,
    finish,
    place,
  }: FolderOptions & {
    readonly place: string;
    readonly finish: (content: string) => Promise<unknown>;
  },
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const files = await listFiles(folder, { excludes, maxBytes: MAX_TREE_BYTES, signal });
    const hash = await hashFiles(folder, files, signal);
    try {
      return await cache.acquire(`${kind}-${hash.slice(0, 32)}`, async (content) => {
        const to = join(content, place);
        await copyFiles({ from: folder, to }, files, signal);
        if ((await hashFiles(to, files, signal)) !== hash) throw new Changed(); // invariant 1
        await finish(content);
      });
    } catch (error) {
      if (!(error instanceof Changed) || attempt === ATTEMPTS) throw error;
    }
  }
}

class Changed extends Error {
  override readonly message = "the folder changed while it was copied";
}

async function packageNameOf(folder: string): Promise<string> {
  const path = join(folder, "package.json");
  const content: unknown = JSON.parse(await readFile(path, "utf8"));
  const name =
    typeof content === "object" && content !== null && "name" in content ? content.name : undefined;
  if (typeof name === "string" && /^(?:@[\w.~-]+\/)?[\w~-][\w.~-]*$/.test(name)) return name;
  const found = JSON.stringify(name) ?? "none";
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot import "${path}": found name ${found}, wanted a package's name`,
  );
}
