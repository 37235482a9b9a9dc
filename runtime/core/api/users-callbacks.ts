// Functions of the user's that the runtime calls in the middle of its own work.
//
// 1. What one throws is an uncaught error of a turn of its own, as of a listener of events: what called it goes on, and
//    leaves nothing half done.

import type { ActorWatcher } from "./core.ts";

/** Calls the one argument's function (invariant 1). */
export function guarded<Argument>(callback: (argument: Argument) => void): (argument: Argument) => void {
  return (argument) => {
    try {
      callback(argument);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown;
      });
    }
  };
}

/** The same for both functions of a watcher, as far as it has them. */
export function guardedWatcher(watcher: ActorWatcher): ActorWatcher {
  const { onStatus, onLine } = watcher;
  return {
    onStatus: onStatus === undefined ? undefined : guarded((status) => onStatus.call(watcher, status)),
    onLine: onLine === undefined ? undefined : guarded((line) => onLine.call(watcher, line)),
  };
}
