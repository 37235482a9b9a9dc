// A runtime environment as a user writes it, checked and laid out as plain data; and how one is laid over another.
//
// Ray's `runtime_env` in camelCase. The rules of merging are Ray's: variables are merged, every other field replaces.
//
// 1. What passes the check is complete: paths are absolute, defaults are in, unknown fields are refused.

import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ShoalError } from "../../base/index.ts";
import type { EnvironmentData, NpmData } from "../workers/messages.ts";
import { refusalOfFlag } from "./node-flags.ts";

/** Packages from npm; exactly one of `packages` and `packageJson`. */
export interface NpmOptions {
  /** Exact ones: `ms@2.1.3`, or `file:./x.tgz` for a tarball or a folder of a package. */
  readonly packages?: readonly string[];
  /** A `package.json` with a `package-lock.json` beside it, installed by `npm ci` without development dependencies. */
  readonly packageJson?: string | URL;
  /** Whether install scripts of the packages may run; false by default. */
  readonly allowScripts?: boolean;
}

export interface RuntimeEnv {
  /** Laid over the driver's variables; undefined removes one. */
  readonly envVars?: Readonly<Record<string, string | undefined>>;
  /** A folder; workers run in a copy of it, and load the modules that are in it from there. At most 512 MiB. */
  readonly workingDir?: string | URL;
  /** What of `workingDir` and `modules` is left out, in the syntax of `.gitignore`; after what such files there say. */
  readonly excludes?: readonly string[];
  /** Folders of packages, each importable by the name in its `package.json`. */
  readonly modules?: readonly (string | URL)[];
  readonly npm?: readonly string[] | NpmOptions;
  /** Runs in each worker before its first task; `exportName` is `setup` by default. */
  readonly setupHook?: { readonly module: string | URL; readonly exportName?: string };
  /** Such as `--max-old-space-size=512`; a value stands behind `=`. */
  readonly nodeFlags?: readonly string[];
  /** For the set-up, and for a worker's start with the hook; 600,000 by default, -1 is no limit. */
  readonly setupTimeoutMs?: number;
}

const FIELDS: readonly (keyof RuntimeEnv)[] = [
  "envVars",
  "workingDir",
  "excludes",
  "modules",
  "npm",
  "setupHook",
  "nodeFlags",
  "setupTimeoutMs",
];
const NPM_FIELDS: readonly (keyof NpmOptions)[] = ["packages", "packageJson", "allowScripts"];
const EXACT =
  /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*@\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/i;
/** Node's own between a process and its children. */
const RESERVED_VARIABLE = /^NODE_(?:CHANNEL_|UNIQUE_ID$|TEST_CONTEXT$)/;

/** Throws INVALID_ARGUMENT with the field, what was found and what was wanted. */
export function checkRuntimeEnv(env: RuntimeEnv): EnvironmentData {
  checkFields("runtimeEnv", env, FIELDS);
  const { envVars, workingDir, excludes, modules, npm, setupHook, nodeFlags, setupTimeoutMs } = env;
  return {
    ...(envVars === undefined ? {} : { envVars: variablesOf(envVars) }),
    ...(workingDir === undefined ? {} : { workingDir: folderAt("workingDir", workingDir) }),
    ...(excludes === undefined ? {} : { excludes: textsOf("excludes", excludes) }),
    ...(modules === undefined ? {} : { modules: packagesAt(modules) }),
    ...(npm === undefined ? {} : { npm: npmOf(npm) }),
    ...(setupHook === undefined ? {} : { setupHook: hookOf(setupHook) }),
    ...(nodeFlags === undefined ? {} : { nodeFlags: flagsOf(nodeFlags) }),
    ...(setupTimeoutMs === undefined ? {} : { setupTimeoutMs: timeoutOf(setupTimeoutMs) }),
  };
}

/** `over` laid over `base`. */
export function mergeEnvironments(
  base: EnvironmentData | undefined,
  over: EnvironmentData | undefined,
): EnvironmentData | undefined {
  if (base === undefined || over === undefined) return over ?? base;
  const envVars = sorted({ ...base.envVars, ...over.envVars });
  return { ...base, ...over, ...(Object.keys(envVars).length === 0 ? {} : { envVars }) };
}

function variablesOf(envVars: NonNullable<RuntimeEnv["envVars"]>): Record<string, string | null> {
  checkRecord("envVars", envVars);
  const variables: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(envVars)) {
    if (!/^[^=\0]+$/.test(name)) throw refuse("envVars", name, 'a name without "=" and zero bytes');
    if (RESERVED_VARIABLE.test(name)) throw refuse("envVars", name, "a variable that is not Node's own");
    if (value !== undefined && (typeof value !== "string" || value.includes("\0"))) {
      throw refuse(`envVars.${name}`, value, "a text without zero bytes, or undefined to remove it");
    }
    variables[name] = value ?? null;
  }
  return sorted(variables);
}

function packagesAt(modules: NonNullable<RuntimeEnv["modules"]>): string[] {
  checkList("modules", modules);
  return modules.map((folder, index) => {
    const field = `modules[${index}]`;
    const path = folderAt(field, folder);
    if (existsSync(`${path}/package.json`)) return path;
    throw refuse(field, path, "a folder with a package.json");
  });
}

function npmOf(npm: NonNullable<RuntimeEnv["npm"]>): NpmData {
  const options: NpmOptions = isList(npm) ? { packages: npm } : npm;
  checkFields("npm", options, NPM_FIELDS);
  const { packages, packageJson, allowScripts = false } = options;
  if (typeof allowScripts !== "boolean") throw refuse("npm.allowScripts", allowScripts, "true or false");
  if ((packages === undefined) === (packageJson === undefined)) {
    throw refuse("npm", npm, "either packages or packageJson");
  }
  if (packageJson !== undefined) return { packageJson: packageJsonAt(packageJson), allowScripts };
  const wanted = textsOf("npm.packages", packages ?? []).map((item, index) => {
    const path = item.startsWith("file:") ? pathOfSpec(item) : undefined;
    if (path !== undefined && existsSync(path)) return `file:${path}`;
    if (EXACT.test(item)) return item;
    const form = "an exact version such as ms@2.1.3, or file: with a tarball or folder that is there";
    throw refuse(`npm.packages[${index}]`, item, form);
  });
  return { packages: wanted.toSorted(), allowScripts };
}

function packageJsonAt(packageJson: unknown): string {
  const path = pathOf("npm.packageJson", packageJson);
  const lock = resolve(path, "../package-lock.json");
  if (!existsSync(path)) throw refuse("npm.packageJson", path, "a file that is there");
  if (existsSync(lock)) return path;
  throw refuse("npm.packageJson", path, "a package-lock.json beside it");
}

function pathOfSpec(spec: string): string {
  return spec.startsWith("file:///") ? fileURLToPath(spec) : resolve(spec.slice("file:".length));
}

function hookOf(setupHook: NonNullable<RuntimeEnv["setupHook"]>): { module: string; exportName: string } {
  checkFields("setupHook", setupHook, ["module", "exportName"]);
  const { module, exportName = "setup" } = setupHook;
  const path = pathOf("setupHook.module", module);
  if (!existsSync(path)) throw refuse("setupHook.module", path, "a file that is there");
  if (typeof exportName === "string" && exportName !== "") {
    return { module: pathToFileURL(path).href, exportName };
  }
  throw refuse("setupHook.exportName", exportName, "the name of an export");
}

function flagsOf(nodeFlags: NonNullable<RuntimeEnv["nodeFlags"]>): string[] {
  return textsOf("nodeFlags", nodeFlags).map((flag, index) => {
    const wanted = refusalOfFlag(flag);
    if (wanted === undefined) return flag;
    throw refuse(`nodeFlags[${index}]`, flag, wanted);
  });
}

function timeoutOf(timeoutMs: unknown): number {
  if (typeof timeoutMs === "number" && (timeoutMs > 0 || timeoutMs === -1)) return timeoutMs;
  throw refuse("setupTimeoutMs", timeoutMs, "a number above 0, or -1");
}

function folderAt(field: string, value: unknown): string {
  const path = pathOf(field, value);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind?.isDirectory() === true) return path;
  throw refuse(field, path, kind === undefined ? "a folder that is there" : "a folder");
}

function pathOf(field: string, value: unknown): string {
  if (value instanceof URL && value.protocol === "file:") return resolve(fileURLToPath(value));
  if (typeof value === "string" && value.startsWith("file://")) return resolve(fileURLToPath(value));
  if (typeof value === "string" && value !== "" && !/^[a-z]+:\/\//i.test(value)) return resolve(value);
  throw refuse(field, value instanceof URL ? value.href : value, "a path or a file URL");
}

function textsOf(field: string, list: readonly unknown[]): string[] {
  checkList(field, list);
  return list.map((item, index) => {
    if (typeof item === "string" && item !== "" && !item.includes("\0")) return item;
    throw refuse(`${field}[${index}]`, item, "a text");
  });
}

function checkFields(field: string, value: object, known: readonly string[]): void {
  checkRecord(field, value);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw refuse(field, `the field ${unknown}`, `only ${known.join(", ")}`);
}

function checkRecord(field: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse(field, value, "an object");
  }
}

function checkList(field: string, value: unknown): void {
  if (!Array.isArray(value)) throw refuse(field, value, "a list");
}

function isList(value: readonly string[] | NpmOptions): value is readonly string[] {
  return Array.isArray(value);
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function refuse(field: string, found: unknown, wanted: string): ShoalError {
  const name = field === "runtimeEnv" ? field : `runtimeEnv.${field}`;
  const text = typeof found === "string" ? `"${found}"` : (JSON.stringify(found) ?? String(found));
  return new ShoalError("INVALID_ARGUMENT", `Cannot set ${name}: found ${text}, wanted ${wanted}`);
}
