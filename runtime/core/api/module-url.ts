// The module of tasks or actors, as workers load it.

import { ShoalError } from "../../base/index.ts";

/** Its address. Throws INVALID_ARGUMENT for what is no URL: a path would be looked up in the worker's folder, or nowhere. */
export function moduleUrl(what: "tasks" | "actors", module: unknown): string {
  if (module instanceof URL) return module.href;
  const found = typeof module === "string" ? `"${module}"` : typeof module;
  const wanted = 'a URL, such as new URL("./work.ts", import.meta.url)';
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot find ${what} in a module: found ${found}, wanted ${wanted}`,
  );
}
