// Runs a Node with arguments as if it had been started itself: its output, its signals, its exit status.

import { spawn } from "node:child_process";
import { constants } from "node:os";

const LOOK_MS = 500;

/**
 * Never returns to the caller's flow: the process ends as its child does. With `withParent` the child is told to end
 * (SIGTERM, once) when whoever started this is gone: npm gives its SIGTERM to its shell, which keeps it for itself.
 */
export function runNode(node, args, { withParent = false } = {}) {
  const child = spawn(node, args, { stdio: "inherit" });
  const parent = process.ppid;
  const look = () => process.ppid !== parent && pass("SIGTERM");
  const timer = withParent ? setInterval(look, LOOK_MS) : undefined;
  const pass = (signal) => {
    clearInterval(timer); // a second signal would cut the drain short
    child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => pass(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
