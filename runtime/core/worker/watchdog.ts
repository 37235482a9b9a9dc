// Ends a worker when its parent is gone, also while its own event loop is blocked in native code.
//
// 1. The kernel does it where it can be asked; elsewhere a thread looks at the parent's id. Neither needs the main thread
//    once it is set.
// 2. The end is SIGKILL: a process without a parent has nobody to report to.

import { Worker } from "node:worker_threads";
import { openLibc } from "../libc.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

const LOOK_INTERVAL_MS = 200;

// Text, so that the thread starts without loading a file or stripping types: 4 ms of the main thread instead
// of 30. The kernel gives an orphan another parent, so a changed id says that ours has died.
const WATCH = `
  const { workerData: parentPid } = require("node:worker_threads");
  const look = () => { if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL"); };
  look();
  setInterval(look, ${LOOK_INTERVAL_MS});
`;

/** Starts watching; where that cannot be, the process ends by an uncaught error rather than run unwatched. */
export function startWatchdog(parentPid: number): void {
  if (!askKernel()) startThread(parentPid);
  // It may have died before it was watched.
  if (process.ppid !== parentPid) process.kill(process.pid, "SIGKILL");
}

/** Saves the thread: 7 MB and 4 ms of each worker. */
function askKernel(): boolean {
  const signature = { arguments: ["i32", "u64", "u64", "u64", "u64"], return: "i32" };
  const prctl = openLibc({ prctl: signature })?.functions.prctl;
  return prctl?.(PR_SET_PDEATHSIG, BigInt(SIGKILL), 0n, 0n, 0n) === 0;
}

function startThread(parentPid: number): void {
  const thread = new Worker(WATCH, {
    eval: true,
    name: "watchdog",
    workerData: parentPid,
    // Nothing of the worker's flags and environment: a preloaded module would run in this thread too.
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  thread.unref();
}
