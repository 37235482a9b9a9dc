// What the kernel says of a process, where it can be asked: whether it was stopped, and whether a signal is safe to send.

import { readFile } from "node:fs/promises";

export interface ProcessStatus {
  /** By SIGSTOP, a terminal or a debugger. */
  readonly stopped: boolean;
  /** Whether SIGUSR1 reaches a handler; without one it would end the process. */
  readonly handlesUsr1: boolean;
}

const SIGUSR1_BIT = 1n << 9n;

/** Undefined where there is no /proc, or no such process. */
export async function processStatus(pid: number): Promise<ProcessStatus | undefined> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const caught = /^SigCgt:\s*([0-9a-f]+)/m.exec(text)?.[1] ?? "0";
  return {
    stopped: /^State:\s*[Tt]/m.test(text),
    handlesUsr1: (BigInt(`0x${caught}`) & SIGUSR1_BIT) !== 0n,
  };
}
