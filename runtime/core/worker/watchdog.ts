// Ends an actor's process when its parent is gone, also while its own event loop is blocked in native code.
//
// 1. A thread of its own looks at the parent's id; it needs nothing of the main thread once started.
// 2. It ends the process by SIGKILL: a process without a parent has nobody to report to.

import { Worker } from "node:worker_threads";

const LOOK_INTERVAL_MS = 200;

// Text, so that the thread starts without loading a file or stripping types: 4 ms of the main thread instead
// of 30. The kernel gives an orphan another parent, so a changed id says that ours has died.
const WATCH = `
  const { workerData: parentPid } = require("node:worker_threads");
  const look = () => { if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL"); };
  look();
  setInterval(look, ${LOOK_INTERVAL_MS});
`;

/** Starts watching; without a watching thread the process ends by an uncaught error rather than run unwatched. */
export function startWatchdog(parentPid: number): void {
  const thread = new Worker(WATCH, {
    eval: true,
    name: "watchdog",
    workerData: parentPid,
    // Nothing of the actor's flags and environment: a preloaded module would run in this thread too.
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  thread.unref();
}
