// A watch of an actor by a worker: what is told goes over that worker's channel.
//
// 1. A worker that does not read keeps at most so much output in this process: what comes then is dropped and counted, and
//    a line tells how much. States are never dropped: they are few.

import type { ActorWatcher } from "../api/core.ts";
import type { WorkerLine } from "../logs/worker-logs.ts";
import type { ActorStatus, ToWorker, WatchData } from "../workers/messages.ts";

/** The worker that is told. */
export interface Reader {
  /** Sent and not taken by its channel yet. */
  readonly unwrittenBytes: number;
  send(message: ToWorker): void;
}

const MAX_UNWRITTEN_BYTES = 1024 * 1024;

export class WatchRelay implements ActorWatcher {
  readonly #reader: Reader;
  readonly #watch: WatchData;
  readonly #onOver: () => void;
  #dropped: WorkerLine | undefined;
  #droppedLines = 0;

  /** `onOver` is called when nothing comes any more. */
  constructor(reader: Reader, watch: WatchData, onOver: () => void) {
    this.#reader = reader;
    this.#watch = watch;
    this.#onOver = onOver;
  }

  onStatus(status: ActorStatus): void {
    this.#tellDropped();
    const isOver = status.state === "DEAD";
    if (this.#watch.statuses || isOver) this.#reader.send({ type: "status", watch: this.#watch.id, status });
    if (isOver) this.#onOver();
  }

  onLine(line: WorkerLine): void {
    if (!this.#watch.lines) return;
    // Invariant 1.
    if (this.#reader.unwrittenBytes > MAX_UNWRITTEN_BYTES) {
      this.#droppedLines++;
      this.#dropped = line;
      return;
    }
    this.#tellDropped();
    this.#reader.send({ type: "line", watch: this.#watch.id, line });
  }

  #tellDropped(): void {
    if (this.#dropped === undefined) return;
    const text = `${this.#droppedLines} lines not shown: they came faster than they were read`;
    this.#reader.send({ type: "line", watch: this.#watch.id, line: { ...this.#dropped, text } });
    this.#dropped = undefined;
    this.#droppedLines = 0;
  }
}
