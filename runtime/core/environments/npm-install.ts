// npm packages as an entry of the cache.
//
// 1. The entry's name says all that decides what is installed: the packages or the lock file, local sources by their
//    contents, this Node's ABI, the platform, and whether scripts run.
// 2. Scripts of packages do not run unless they were allowed.
// 3. Nothing of an `npm run` around this process reaches the npm in it; a registry and its keys do.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { ShoalError } from "../../base/index.ts";
import { childEnvironment } from "../workers/child-environment.ts";
import type { NpmData } from "../workers/messages.ts";
import type { EnvironmentCache } from "./environment-cache.ts";
import { hashFolder } from "./folder-entry.ts";
import { runGuarded } from "./run-guarded.ts";

export interface NpmInstallOptions {
  readonly cache: EnvironmentCache;
  readonly signal: AbortSignal;
}

const QUIET = [
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--no-progress",
  "--color=false",
  "--omit=dev",
];
const SURROUNDING_RUN =
  /^npm_(?:package_|lifecycle_|command$|config_(?:local_prefix|prefix|global|workspace|omit|include))/i;

/** The folder in whose `node_modules` the packages are. Rejects with the end of npm's log. */
export async function keepPackages(npm: NpmData, { cache, signal }: NpmInstallOptions): Promise<string> {
  const plan =
    "packages" in npm ? await planOfList(npm.packages, signal) : await planOfLock(npm.packageJson, signal);
  const { versions, platform, arch } = process;
  const scope = [plan.contents, versions.modules, platform, arch, npm.allowScripts];
  const hash = createHash("sha256").update(JSON.stringify(scope)).digest("hex"); // invariant 1
  const scripts = npm.allowScripts ? "--ignore-scripts=false" : "--ignore-scripts"; // invariant 2
  return await cache.acquire(`npm-${hash.slice(0, 32)}`, async (folder) => {
    await plan.lay(folder);
    const args = [...plan.command, ...QUIET, scripts];
    const { exitCode, output } = await runGuarded("npm", args, { cwd: folder, env: npmVariables(), signal });
    await rm(join(folder, ".npmrc"), { force: true }); // it may hold keys
    if (exitCode === 0) return;
    const how = `npm ${plan.command[0]} ended with exit code ${exitCode}`;
    throw new Error(`${how}:\n${output.trimEnd()}`);
  });
}

interface Plan {
  /** What decides the result, as far as the packages do. */
  readonly contents: unknown;
  readonly command: readonly string[];
  /** Puts into a folder what the command needs. */
  lay(folder: string): Promise<void>;
}

async function planOfList(packages: readonly string[], signal: AbortSignal): Promise<Plan> {
  const contents: unknown[] = [];
  for (const item of packages) {
    contents.push(item.startsWith("file:") ? await hashOfPath(item.slice("file:".length), signal) : item);
  }
  return {
    contents,
    command: ["install", "--save-exact", "--install-links", ...packages],
    lay: (folder) => writeFile(join(folder, "package.json"), '{"private":true}'),
  };
}

/** As it is in its folder, with the local sources of dependencies, which must be in that folder too. */
async function planOfLock(packageJson: string, signal: AbortSignal): Promise<Plan> {
  const folder = dirname(packageJson);
  const text = await readFile(packageJson, "utf8");
  const lock = await readFile(join(folder, "package-lock.json"), "utf8");
  const settings = await readFile(join(folder, ".npmrc"), "utf8").catch(() => undefined);
  const sources = sourcesIn(text, packageJson);
  const hashes: string[] = [];
  for (const source of sources) hashes.push(await hashOfPath(join(folder, source), signal));
  return {
    contents: [text, lock, settings, sources, hashes],
    command: ["ci"],
    async lay(to) {
      await writeFile(join(to, "package.json"), text);
      await writeFile(join(to, "package-lock.json"), lock);
      if (settings !== undefined) await writeFile(join(to, ".npmrc"), settings, { mode: 0o600 });
      for (const source of sources) {
        await mkdir(dirname(join(to, source)), { recursive: true });
        if ((await stat(join(folder, source))).isFile())
          await copyFile(join(folder, source), join(to, source));
        else await cp(join(folder, source), join(to, source), { recursive: true });
      }
    },
  };
}

/** Relative paths of dependencies such as `file:vendor/x.tgz`. */
function sourcesIn(text: string, path: string): string[] {
  const content: unknown = JSON.parse(text);
  if (typeof content !== "object" || content === null) throw refuse(path, "no object", "one");
  if ("workspaces" in content) throw refuse(path, "workspaces", "the package.json of a single package");
  const sources: string[] = [];
  for (const field of ["dependencies", "optionalDependencies"]) {
    const dependencies: unknown = Reflect.get(content, field) ?? {};
    if (typeof dependencies !== "object" || dependencies === null)
      throw refuse(path, field, "an object there");
    for (const [name, spec] of Object.entries(dependencies)) {
      if (typeof spec !== "string" || !/^(?:file|link):/.test(spec)) continue;
      const source = relative(dirname(path), resolve(dirname(path), spec.replace(/^(?:file|link):/, "")));
      if (source === "" || isAbsolute(source) || source.startsWith("..")) {
        throw refuse(path, `dependency ${name} at "${spec}"`, "local dependencies inside of its folder");
      }
      sources.push(source);
    }
  }
  return sources;
}

function refuse(path: string, found: string, wanted: string): ShoalError {
  const what = `Cannot use runtimeEnv.npm.packageJson "${path}": found ${found}, wanted ${wanted}`;
  return new ShoalError("INVALID_ARGUMENT", what);
}

async function hashOfPath(path: string, signal: AbortSignal): Promise<string> {
  if ((await stat(path)).isDirectory()) return await hashFolder(path, { excludes: [], signal });
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk);
  return hash.digest("hex");
}

/** Invariant 3. */
function npmVariables(): NodeJS.ProcessEnv {
  const variables = childEnvironment(process.env);
  for (const name of Object.keys(variables)) if (SURROUNDING_RUN.test(name)) delete variables[name];
  return variables;
}
