// The leader of a group of processes, see `run-guarded.ts`: runs the command in its arguments, and when its standard
// input ends, kills the group, itself included.

import { spawn } from "node:child_process";

const [command = "", ...args] = process.argv.slice(2);
const child = spawn(command, args, {
  stdio: ["ignore", "inherit", "inherit"],
  shell: process.platform === "win32",
});
child.on("error", (error) => {
  console.error(`${command} cannot be started: ${error.message}`);
  process.exit(127);
});
child.on("exit", (exitCode) => process.exit(exitCode ?? 1));
process.stdin.on("close", () => process.kill(0, "SIGKILL")).resume();
