// Cuts what an actor's process writes into lines, and bounds them.
//
// 1. At most `MAX_LINES` a second are passed on; the rest are dropped and counted, never buffered.
// 2. A line is cut off at `MAX_LINE_CHARS`, so that output without a line end takes no more than that.

import type { Clock } from "../../base/index.ts";

const MAX_LINES = 1_000;
const WINDOW_MS = 1_000;
const MAX_LINE_CHARS = 16_384;

export interface LineSink {
  line(text: string): void;
  /** `count` lines were dropped since the last line passed on. */
  dropped(count: number): void;
}

export class OutputLines {
  readonly #sink: LineSink;
  readonly #clock: Pick<Clock, "nowMs">;
  #partial = "";
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #passed = 0;
  #dropped = 0;

  constructor(sink: LineSink, clock: Pick<Clock, "nowMs">) {
    this.#sink = sink;
    this.#clock = clock;
  }

  write(chunk: string): void {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", from)) {
      this.#append(chunk, from, end);
      this.#pass(this.#partial.endsWith("\r") ? this.#partial.slice(0, -1) : this.#partial);
      this.#partial = "";
      from = end + 1;
    }
    this.#append(chunk, from, chunk.length);
  }

  /** Passes on a last line without an end, and the count of what was dropped. */
  end(): void {
    if (this.#partial !== "") this.#pass(this.#partial);
    this.#partial = "";
    this.#reportDropped();
  }

  #append(chunk: string, from: number, to: number): void {
    const room = MAX_LINE_CHARS - this.#partial.length;
    this.#partial += chunk.slice(from, Math.min(to, from + room));
  }

  #pass(text: string): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#passed = 0;
      this.#reportDropped();
    }
    if (this.#passed >= MAX_LINES) {
      this.#dropped++;
      return;
    }
    this.#passed++;
    this.#sink.line(text);
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    this.#sink.dropped(this.#dropped);
    this.#dropped = 0;
  }
}
