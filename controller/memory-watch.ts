// Holds one replica to the memory that its config gives it, by looking at its process.
//
// 1. One that outgrows it is to be replaced while it serves on: a leak costs no request.
// 2. One that reaches twice as much is to be ended at once: others need theirs.
// 3. One that has more from the start is not held to it: its config is wrong, and another process would be no better.

import type { Clock } from "../runtime/base/index.ts";
import { memoryReader } from "../runtime/core/index.ts";

export interface MemoryWatchOptions {
  readonly pid: number;
  /** Of `resources.memory`; above 0. */
  readonly boundBytes: number;
  readonly clock: Clock;
  /** Private bytes of a process; undefined when that is not known. By default as the system tells. */
  readonly read?: (pid: number) => number | undefined;
  /** Each told at most once, with a sentence for people. */
  readonly onWrong: (message: string) => void;
  readonly onOutgrown: (message: string) => void;
  readonly onFarOutgrown: (message: string) => void;
}

/** As the runtime looks at the machine's memory. */
const LOOK_INTERVAL_MS = 250;
const FAR = 2;
const MIB = 1024 * 1024;
const READER = memoryReader();

export class MemoryWatch implements Disposable {
  readonly #options: MemoryWatchOptions;
  readonly #over = new AbortController();

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  /** Looks until it is disposed of. */
  async start(): Promise<void> {
    const { boundBytes, clock, onWrong, onOutgrown, onFarOutgrown } = this.#options;
    const { signal } = this.#over;
    const firstBytes = this.#bytes();
    if (firstBytes > boundBytes) {
      onWrong(`${this.#words(firstBytes)}, from the start: it is not held to that`); // invariant 3
      return;
    }
    for (let outgrown = false; ; ) {
      await clock.sleep(LOOK_INTERVAL_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      const bytes = this.#bytes();
      if (bytes > FAR * boundBytes) {
        onFarOutgrown(this.#words(bytes)); // invariant 2
        return;
      }
      if (bytes <= boundBytes || outgrown) continue;
      outgrown = true;
      onOutgrown(this.#words(bytes)); // invariant 1
    }
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  #bytes(): number {
    const { read, pid } = this.#options;
    return (read === undefined ? READER?.processBytes(pid) : read(pid)) ?? 0;
  }

  #words(bytes: number): string {
    const mebibytes = (count: number): string => `${Math.round(count / MIB)} MiB`;
    return `it uses ${mebibytes(bytes)}, more than its memory of ${mebibytes(this.#options.boundBytes)}`;
  }
}
