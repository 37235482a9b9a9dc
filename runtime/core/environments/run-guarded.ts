// Runs a command whose output is kept, with all processes it starts, and ends them all when it is told to.
//
// 1. The processes are a group of their own, led by a guard that kills the group when this process is gone: a pipe
//    between them closes then, however it ends.
// 2. Of the output the last lines are kept.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface GuardedOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** SIGKILL for all of them when it aborts; then `runGuarded` rejects with its reason. */
  readonly signal: AbortSignal;
}

export interface GuardedEnd {
  readonly exitCode: number | null;
  /** The end of what it printed on both streams. */
  readonly output: string;
}

const SOURCE = fileURLToPath(new URL("./guard-main.ts", import.meta.url));
const GUARD = import.meta.url.endsWith(".ts") ? SOURCE : SOURCE.replace(/ts$/, "js");
const KEPT_CHARACTERS = 4_000;

/** Resolves when the whole group is done or killed. Rejects when it could not be started. */
export async function runGuarded(
  command: string,
  args: readonly string[],
  { cwd, env, signal }: GuardedOptions,
): Promise<GuardedEnd> {
  signal.throwIfAborted();
  const guard = spawn(process.execPath, [GUARD, command, ...args], {
    cwd,
    env,
    detached: true, // invariant 1
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [guard.stdout, guard.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output = (output + text).slice(-KEPT_CHARACTERS); // invariant 2
    });
  }
  guard.stdin.on("error", () => undefined);
  // What has left the group may hold the pipes open: nobody waits for it.
  const kill = (): void => {
    for (const pipe of [guard.stdin, guard.stdout, guard.stderr]) pipe.destroy();
  };
  signal.addEventListener("abort", kill, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      guard.once("error", reject);
      guard.once("close", (exitCode) => {
        if (signal.aborted) reject(signal.reason);
        else resolve({ exitCode, output });
      });
    });
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
