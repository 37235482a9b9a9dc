// Whether a worker that has nothing to do holds more memory than an idle process should: what its tasks leaked.
//
// 1. A process is looked at once a second at most: workers are given back up to thirty thousand times a second.

import type { Clock } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import type { MemoryReader } from "./memory-reader.ts";

const EVERY_MS = 1_000;

export interface LeakCheckOptions {
  readonly clock: Pick<Clock, "nowMs">;
  /** Undefined where memory cannot be read: then nothing leaks. */
  readonly reader: Pick<MemoryReader, "processBytes"> | undefined;
  /** Private bytes of an idle worker above which it is leaky; 0 is no limit. */
  readonly limitBytes: number;
  readonly log: Pick<Logger, "info">;
}

interface Process {
  readonly pid: number | undefined;
}

export class LeakCheck {
  readonly #options: LeakCheckOptions;
  readonly #nextMs = new WeakMap<Process, number>();

  constructor(options: LeakCheckOptions) {
    this.#options = options;
  }

  isLeaky(worker: Process): boolean {
    const { clock, reader, limitBytes, log } = this.#options;
    const nowMs = clock.nowMs();
    if (limitBytes === 0 || worker.pid === undefined) return false;
    if (nowMs < (this.#nextMs.get(worker) ?? 0)) return false; // invariant 1
    this.#nextMs.set(worker, nowMs + EVERY_MS);
    const bytes = reader?.processBytes(worker.pid) ?? 0;
    if (bytes <= limitBytes) return false;
    log.info({ pid: worker.pid, bytes, limitBytes }, "an idle worker holds too much memory: it is replaced");
    return true;
  }
}
