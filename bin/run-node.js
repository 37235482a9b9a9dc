// Runs a Node with arguments as if it had been started itself: its output, its signals, its exit status.

import { spawn } from "node:child_process";
import { constants } from "node:os";

/** Never returns to the caller's flow: the process ends as its child does. */
export function runNode(node, args) {
  const child = spawn(node, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
