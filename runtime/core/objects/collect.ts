// Has the garbage collector look for references that nobody uses any more: objects are freed by it, and a heap that is
// small has no reason to collect while the object store is full.

import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** Resolves when what was collected has been told. */
export async function collectGarbage(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
  collect();
  // Finalizers run in tasks of their own.
  await setImmediate();
  await setImmediate();
}
