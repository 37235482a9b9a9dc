// Says in this worker's own output whose lines follow, so that the driver can name the task or actor.
//
// 1. Nothing is written for tasks that print nothing, and do not end this process by what they throw.

import { nameMarker } from "../logs/log-prefix.ts";
import { taskContext } from "./task-context.ts";

/** From now on what is written to `stream` is marked with the running task's name where that changes. */
export function nameOutput(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  let marked: string | undefined;
  stream.write = (...args: unknown[]): boolean => {
    const name = taskContext.getStore()?.name;
    if (name !== undefined && name !== marked) {
      marked = name;
      write(nameMarker(name));
    }
    return write(...args);
  };
}

/** Node tells an error that nobody caught by itself, not by way of `process.stderr`: whose it is must be said before. */
export function nameUncaught(): void {
  process.on("uncaughtExceptionMonitor", () => process.stderr.write(""));
}
