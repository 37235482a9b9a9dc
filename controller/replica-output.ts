// What replicas, and other processes of the runtime, print: to the log, and the last lines of each replica kept, for the
// reason when one fails.

import type { Logger } from "../runtime/base/log/index.ts";
import type { WorkerLine } from "../runtime/core/index.ts";

const KEPT_LINES = 20;
const MAX_LINE_CHARS = 500;
/** What a call prints comes under the actor's name and the method's. */
const METHOD = /(?<=#\d+)\.\w+$/;

/** Log lines of processes of ours are JSON already; what user code prints becomes one. */
export function logLine({ text, name }: WorkerLine, log: Logger): void {
  if (text.startsWith('{"level":')) process.stderr.write(`${text}\n`);
  else log.info({ replica: name?.replace(METHOD, "") }, text);
}

/** The last lines of one process: so many, of so many characters each. */
export class LastLines {
  readonly #lines: string[] = [];

  add({ text }: Pick<WorkerLine, "text">): void {
    this.#lines.push(text.slice(0, MAX_LINE_CHARS));
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }

  get all(): readonly string[] {
    return [...this.#lines];
  }
}
