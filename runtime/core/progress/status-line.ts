// The last line of a terminal, redrawn in place: progress is shown on it while logs go on above.
//
// 1. Nothing of it stays when it is hidden, and no other output begins behind it.
// 2. It is never wider than the terminal: a line that wraps could not be taken back.

/** What is written to: `process.stdout` and `process.stderr` are such. */
export interface OutputSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Characters a line holds; taken for 80 where it is not told. */
  readonly columns?: number | undefined;
  /** Bytes written and not taken yet. */
  readonly writableLength?: number | undefined;
}

const DEFAULT_COLUMNS = 80;
/** To the start of the line, and nothing behind. */
const CLEAR = "\r\x1b[K";

export class StatusLine {
  readonly #stream: OutputSink;
  #shown = "";

  /** `stream` is a terminal. */
  constructor(stream: OutputSink) {
    this.#stream = stream;
  }

  /** Shows `text`, one line without control characters, in place of what was shown. */
  show(text: string): void {
    // Invariant 2. A line as wide as the terminal would already move the cursor on.
    this.#shown = text.slice(0, Math.max(0, (this.#stream.columns ?? DEFAULT_COLUMNS) - 1));
    this.#stream.write(CLEAR + this.#shown);
  }

  hide(): void {
    if (this.#shown === "") return;
    this.#shown = "";
    this.#stream.write(CLEAR);
  }

  /** `sink`, with whole lines written to it put above this one (invariant 1). It may be the same terminal's other stream. */
  above(sink: OutputSink): OutputSink {
    return {
      write: (text) => {
        if (this.#shown === "") return sink.write(text);
        this.#stream.write(CLEAR);
        const written = sink.write(text);
        this.#stream.write(this.#shown);
        return written;
      },
      get isTTY() {
        return sink.isTTY;
      },
      get columns() {
        return sink.columns;
      },
      get writableLength() {
        return sink.writableLength;
      },
    };
  }
}
