// From an environment as it is asked for to what a worker process of it is started with.

import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { EnvironmentData, FunctionName } from "../workers/messages.ts";
import { PLAIN } from "../workers/worker-pool.ts";
import type { EnvironmentCache } from "./environment-cache.ts";
import { keepModule, keepWorkingDir } from "./folder-entry.ts";
import { keepPackages } from "./npm-install.ts";

/** What is told to a worker at its birth. Nothing secret: it stands in its arguments. */
export interface WorkerEnvironment {
  readonly hook?: FunctionName;
  /** Folders in whose `node_modules` packages are; the first that has one gives it. */
  readonly packages: readonly string[];
  /** Without links in their paths: modules go by where they really are. */
  readonly workingDir?: { readonly source: string; readonly copy: string };
}

/** How processes of an environment are started. */
export interface PreparedEnvironment {
  /** Of all that a process can see of it: processes are shared by equal keys. */
  readonly key: string;
  /** What it was made from, for what its tasks submit. */
  readonly data: EnvironmentData;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string | undefined;
  readonly nodeFlags: readonly string[];
  readonly worker: WorkerEnvironment;
}

export interface PrepareOptions {
  readonly cache: EnvironmentCache;
  readonly signal: AbortSignal;
}

export async function prepareEnvironment(
  data: EnvironmentData,
  { cache, signal }: PrepareOptions,
): Promise<PreparedEnvironment> {
  const { envVars = {}, workingDir, excludes = [], modules = [], npm, setupHook, nodeFlags = [] } = data;
  const options = { cache, excludes, signal };
  const [copy, installed, ...folders] = await allOrNone([
    workingDir === undefined ? undefined : keepWorkingDir(workingDir, options),
    npm === undefined ? undefined : keepPackages(npm, { cache, signal }),
    ...modules.map((folder) => keepModule(folder, options)),
  ]);
  const packages = [...folders, installed].filter((folder) => folder !== undefined);
  const env: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(envVars)) env[name] = value ?? undefined;
  if (installed !== undefined) {
    const path = "PATH" in env ? env["PATH"] : process.env["PATH"];
    const commands = join(installed, "node_modules", ".bin");
    env["PATH"] = path === undefined ? commands : `${commands}${delimiter}${path}`;
  }
  const worker: WorkerEnvironment = {
    packages,
    ...(setupHook === undefined ? {} : { hook: setupHook }),
    ...(workingDir === undefined || copy === undefined
      ? {}
      : { workingDir: { source: await realpath(workingDir), copy } }),
  };
  const visible = JSON.stringify([envVars, worker, nodeFlags]);
  const isPlain = visible === JSON.stringify([{}, { packages: [] }, []]);
  const key = isPlain ? PLAIN : createHash("sha256").update(visible).digest("hex").slice(0, 16);
  return { key, data, env, cwd: copy, nodeFlags, worker };
}

/** The values of all; when one fails, the others have ended too. */
async function allOrNone<T>(promises: readonly (T | Promise<T>)[]): Promise<Awaited<T>[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((outcome) => {
    if (outcome.status === "fulfilled") return outcome.value;
    throw outcome.reason;
  });
}
