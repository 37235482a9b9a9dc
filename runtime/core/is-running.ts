// Whether a process is there, asked without touching it.

import { systemCodeOf } from "../base/index.ts";

/** True also for a process of another user, and for one that ended and was not collected yet. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) === "EPERM";
  }
}
