// How imports find an environment's packages and files, for `import` and `require` alike. `NODE_PATH` would not do: it
// does not hold for `import`.
//
// 1. Code of the user's own gets a package from the environment, if it is there, else from where it would be found
//    without. Code inside of `node_modules` gets it from where it would, else from the environment.
// 2. A file of the working directory is taken from the copy; what it imports from outside of the copy is found as from
//    the original place.

import { existsSync, readdirSync } from "node:fs";
import {
  createRequire,
  isBuiltin,
  registerHooks,
  type ResolveFnOutput,
  type ResolveHookContext,
} from "node:module";
import { join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

type Next = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput;

interface WorkingDir {
  readonly source: string;
  readonly copy: string;
}

/** For this thread from now on; threads and processes that it starts resolve as always. */
export function resolveInEnvironment(packages: readonly string[], workingDir?: WorkingDir): void {
  const places = placesOf(packages);
  const folder = workingDir === undefined ? undefined : new CopiedFolder(workingDir);
  registerHooks({
    resolve(specifier, context, next) {
      if (asksItself) return next(specifier, context);
      const wanted = folder?.toCopy(specifier) ?? specifier;
      const place = isBuiltin(wanted) ? undefined : places.get(packageOf(wanted) ?? "");
      const from = (parentURL: string) => (): ResolveFnOutput =>
        resolveFrom(parentURL, wanted, { context, next });
      const usual = (): ResolveFnOutput => {
        const found = folder?.resolve(wanted, context, next) ?? next(wanted, context);
        const copied = folder?.toCopy(found.url); // it may have been found by a link
        return copied === undefined ? found : { ...found, url: copied };
      };
      if (place === undefined) return usual();
      const isPackage = context.parentURL?.includes("/node_modules/") === true;
      return isPackage ? either(usual, from(place)) : from(place)(); // invariant 1
    },
  });
}

/** Invariant 2. */
class CopiedFolder {
  readonly #source: string;
  readonly #copy: string;

  constructor({ source, copy }: WorkingDir) {
    this.#source = pathToFileURL(source + sep).href;
    this.#copy = pathToFileURL(copy + sep).href;
  }

  /** The URL of the file's copy; undefined when it has none. */
  toCopy(url: string): string | undefined {
    if (!url.startsWith(this.#source)) return undefined;
    const copied = this.#copy + url.slice(this.#source.length);
    return existsSync(fileURLToPath(copied)) ? copied : undefined;
  }

  /** Undefined when the importing module is none of the copy's. */
  resolve(specifier: string, context: ResolveHookContext, next: Next): ResolveFnOutput | undefined {
    const { parentURL } = context;
    if (parentURL?.startsWith(this.#copy) !== true) return undefined;
    const parent = this.#source + parentURL.slice(this.#copy.length);
    const outside = (): ResolveFnOutput => resolveFrom(parent, specifier, { context, next });
    const found = either(() => next(specifier, context), outside);
    const own = found.url.startsWith(this.#copy) || !found.url.startsWith("file:");
    // Above the copy is the cache, and folders that have nothing to do with the program.
    return own || packageOf(specifier) === undefined ? found : either(outside, () => found);
  }
}

/** Whether what is resolved is a part of our own answer. */
let asksItself = false;

/** As if the module at `parentURL` asked. For `require` Node would not listen to that: it is asked there itself. */
function resolveFrom(
  parentURL: string,
  specifier: string,
  { context, next }: { readonly context: ResolveHookContext; readonly next: Next },
): ResolveFnOutput {
  if (!context.conditions.includes("require")) return next(specifier, { ...context, parentURL });
  asksItself = true;
  try {
    const path = createRequire(parentURL).resolve(specifier);
    return { url: pathToFileURL(path).href, shortCircuit: true };
  } finally {
    asksItself = false;
  }
}

/** The URL to resolve from, by the name of the package. */
function placesOf(folders: readonly string[]): Map<string, string> {
  const places = new Map<string, string>();
  for (const folder of folders) {
    const modules = join(folder, "node_modules");
    const url = pathToFileURL(join(folder, "package.json")).href;
    for (const name of existsSync(modules) ? readdirSync(modules) : []) {
      if (name.startsWith(".")) continue;
      const names = name.startsWith("@")
        ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`)
        : [name];
      for (const each of names) if (!places.has(each)) places.set(each, url);
    }
  }
  return places;
}

/** The package's name in a specifier; undefined for paths, URLs and `#imports`. */
function packageOf(specifier: string): string | undefined {
  if (/^(?:[./#]|[a-z][a-z0-9+.-]*:)/i.test(specifier)) return undefined;
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
}

function either(first: () => ResolveFnOutput, second: () => ResolveFnOutput): ResolveFnOutput {
  try {
    return first();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    try {
      return second();
    } catch (later) {
      throw isNotFound(later) ? error : later;
    }
  }
}

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND";
}
