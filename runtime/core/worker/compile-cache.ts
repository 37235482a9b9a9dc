// Node's cache of compiled modules, which halves the start of later workers. Workers end by SIGKILL, so Node's own
// writing of it at the exit would never happen.

import { flushCompileCache } from "node:module";

/** Long enough for what else is to be loaded, and out of the way of the first call. */
const DELAY_MS = 500;

let timer: NodeJS.Timeout | undefined;

/** Modules were loaded: writes what is new of them, a little later. */
export function saveCompileCacheSoon(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    flushCompileCache();
  }, DELAY_MS).unref();
}
