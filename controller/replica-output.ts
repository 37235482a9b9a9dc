// What replicas print: to the log, and the last lines of each kept, for the reason when one fails.
//
// 1. Bounded: so many lines of so many characters of each process, and nothing of one that was forgotten.

import type { Logger } from "../runtime/base/log/index.ts";
import type { WorkerLine } from "../runtime/core/index.ts";

const KEPT_LINES = 20;
const MAX_LINE_CHARS = 500;

export class ReplicaOutput {
  readonly #log: Logger;
  readonly #lines = new Map<number, { readonly replica: string; readonly last: string[] }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The process `pid` is the replica's from now on. */
  open(pid: number, replica: string): void {
    this.#lines.set(pid, { replica, last: [] });
  }

  close(pid: number): void {
    this.#lines.delete(pid);
  }

  /** A replica's own log lines are JSON already; what user code prints becomes one. */
  line({ text, pid, name }: WorkerLine): void {
    const known = this.#lines.get(pid);
    if (text.startsWith('{"level":')) process.stderr.write(`${text}\n`);
    else this.#log.info({ replica: known?.replica ?? name }, text);
    if (known === undefined) return;
    known.last.push(text.slice(0, MAX_LINE_CHARS));
    if (known.last.length > KEPT_LINES) known.last.shift();
  }

  lastLines(pid: number): readonly string[] {
    return [...(this.#lines.get(pid)?.last ?? [])];
  }
}
