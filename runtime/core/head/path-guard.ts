// Removes files and folders when this process was killed: a small process of its own waits for the end of a pipe that only this one
// holds, which the kernel closes however it ends.
//
// 1. It leaves them to who ends in good order, and is gone then too.
// 2. It is no child of ours, and in no group of ours: it is neither counted, waited for nor killed with us.
// 3. Where there is no shell there is no guard: the next runtime sweeps up.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";

/**
 * A line is the good end (invariant 1). The second removal is for what a worker wrote that took a second to end. The
 * parentheses make the waiting process nobody's child (invariant 2).
 */
const SCRIPT = '(read -r _ || { rm -rf -- "$@"; sleep 1; rm -rf -- "$@"; }) <&3 3<&- >/dev/null 2>&1 &';

export class PathGuard implements AsyncDisposable {
  readonly #pipe: Socket | undefined;
  /** Leaves the waiting process behind, and ends after some milliseconds. */
  readonly #shell: ChildProcess;
  readonly #shellEnded: Promise<unknown>;

  private constructor(shell: ChildProcess) {
    this.#shell = shell;
    this.#shellEnded = once(shell, "exit").catch(() => undefined); // invariant 3
    shell.unref();
    // Without descriptors left Node makes no pipes at all, whatever its types say.
    const pipe = (shell as Partial<ChildProcess>).stdio?.[3];
    this.#pipe = pipe instanceof Socket ? pipe : undefined;
    this.#pipe?.on("error", () => {});
    this.#pipe?.unref();
  }

  /** From now on; `folders` are absolute paths. Never throws (invariant 3). */
  static start(paths: readonly string[]): PathGuard {
    const shell = spawn("/bin/sh", ["-c", SCRIPT, "sh", ...paths], {
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      detached: true, // invariant 2
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    return new PathGuard(shell);
  }

  /** They are removed already, or stay (invariant 1). */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#pipe?.end("\n");
    this.#pipe?.destroySoon();
    this.#shell.ref();
    await this.#shellEnded;
  }
}
