// Arrow tables ↔ bytes of Arrow's own format. The library is the user's: it is found from the modules that this
// process runs for it, and loaded when the first table crosses. Shoal does not bring it.
//
// 1. A table is told by the mark that its library gives it, whichever copy of the library made it.
// 2. It is written by the copy that made it: another one does not know its columns' types.
// 3. The columns of a table that is read are views on the bytes: nothing is copied.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ShoalError } from "../../base/index.ts";

const LIBRARY = "apache-arrow";
/** Of apache-arrow 21 (invariant 1). */
const MARK = Symbol.for("apache-arrow/Table");

/** What is used of a copy of the library. */
interface Library {
  readonly Table: { readonly prototype: object };
  tableToIPC(table: object, format: "file"): Uint8Array;
  tableFromIPC(bytes: Uint8Array): object;
}

/** Modules of the user, from which the library is looked for, in the order in which they came. */
const modules = new Set<string>();
/** Copies that were found, by their paths. */
const libraries = new Map<string, Library>();

/** A module of the user that this process loads or has work done of: the URL of a file, any other is passed over. */
export function noteModule(url: string): void {
  if (url.startsWith("file:")) modules.add(url);
}

export function isTable(value: object): boolean {
  return MARK in value && Reflect.get(value, MARK) === true;
}

/** Throws UNSUPPORTED when the copy of the library that made the table is not found. */
export function tableToBytes(table: object): Uint8Array {
  for (const library of found()) {
    if (Object.prototype.isPrototypeOf.call(library.Table.prototype, table)) {
      return library.tableToIPC(table, "file"); // invariant 2
    }
  }
  throw new ShoalError(
    "UNSUPPORTED",
    `Cannot send an Arrow table: the ${LIBRARY} that made it is not found${whence()}; wanted tableToIPC(table, "file")`,
  );
}

/** A table on these bytes (invariant 3). Throws UNSUPPORTED when the library is not found. */
export function tableOn(bytes: Uint8Array): object {
  for (const library of found()) return library.tableFromIPC(bytes);
  throw new ShoalError("UNSUPPORTED", `Cannot read an Arrow table: ${LIBRARY} is not found${whence()}`);
}

/** The copies that are loaded already, then those that can be found. */
function* found(): Generator<Library, void, undefined> {
  yield* libraries.values();
  const program = process.argv[1];
  const rest = [...(program === undefined ? [] : [program]), join(process.cwd(), "program.js")];
  for (const from of [...modules, ...rest.map((path) => pathToFileURL(path).href)]) {
    const load = createRequire(from);
    for (const path of pathsOf(load)) {
      if (libraries.has(path)) continue;
      const library: unknown = loadOrNothing(load, path);
      if (!isLibrary(library)) continue;
      libraries.set(path, library);
      yield library;
    }
  }
}

/** The build for `import` first: it stands beside the other one, and tasks are mostly such modules. */
function pathsOf(load: NodeJS.Require): readonly string[] {
  try {
    const path = load.resolve(LIBRARY);
    return [path.replace(/\.js$/, ".mjs"), path];
  } catch {
    return [];
  }
}

/** A Node before 20.19 cannot load modules of `import` in this way, and a version may not have that file. */
function loadOrNothing(load: NodeJS.Require, path: string): unknown {
  try {
    return load(path);
  } catch {
    return undefined;
  }
}

function isLibrary(value: unknown): value is Library {
  if (typeof value !== "object" || value === null) return false;
  const names: readonly (keyof Library)[] = ["Table", "tableToIPC", "tableFromIPC"];
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}

function whence(): string {
  const [first] = modules;
  return first === undefined ? "" : ` from "${first}"`;
}
