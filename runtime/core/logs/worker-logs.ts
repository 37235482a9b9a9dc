// What workers print, at the driver: each line with who wrote it, as Ray does it.
//
// 1. A worker gets at most `maxLinesPerSecond` through; the rest is counted and the count is told.
// 2. Nothing is written to a stream that does not keep up: that is counted with the rest.
// 3. All that is held back or counted is told when the logs are disposed of.

import type { Clock, Timer } from "../../base/index.ts";
import { LogDedup } from "./log-dedup.ts";
import { prefixOf, splitAtMarker, visibleText, type Writer } from "./log-prefix.ts";
import type { LineSink } from "./output-lines.ts";
import type { OutputSink } from "../progress/status-line.ts";

export type WorkerStream = "stdout" | "stderr";

export interface WorkerLogsOptions {
  readonly clock: Pick<Clock, "nowMs" | "timer">;
  /** Where the lines of each stream go, such as `process.stdout`. */
  readonly to: Readonly<Record<WorkerStream, OutputSink>>;
  /** Takes each line instead. */
  readonly onLine?: ((line: WorkerLine) => void) | undefined;
  /** Default true; false shows nothing. */
  readonly logToDriver?: boolean;
  /** Whether the same line from many workers is shown once and counted. Default true. */
  readonly dedupLogs?: boolean;
  /** Default 1,000 for each worker, both streams together. */
  readonly maxLinesPerSecond?: number;
  /** Whether prefixes are coloured. Default: where the stream is a terminal. */
  readonly colour?: boolean;
}

/** A line that a worker printed. */
export interface WorkerLine {
  readonly text: string;
  readonly stream: WorkerStream;
  readonly pid: number;
  /** The task's or the actor's name, as far as it is known. */
  readonly name: string | undefined;
}

export interface LoggingWorker {
  readonly pid: number;
  /** An actor's name. A task's is told by a marker (`nameMarker`) or by `rename`. */
  readonly name?: string;
  /** For a worker of another machine. */
  readonly host?: string;
  /** Takes its lines as well, whether they are shown or not, also those that are shown once for many workers. */
  readonly onLine?: (line: WorkerLine) => void;
}

/** One worker's way to the driver's output. */
export interface WorkerLog {
  /** Takes lines, from an `OutputLines` or elsewhere. */
  sink(stream: WorkerStream): LineSink;
  /** Lines from now on are of the task or actor `name`; undefined is of none. */
  rename(name: string | undefined): void;
  /** The worker ended: tells what was suppressed. */
  [Symbol.dispose](): void;
}

const RATE_WINDOW_MS = 1_000;
/** A stream with more than this unwritten does not keep up. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;

interface Origin {
  readonly writer: Writer;
  readonly stream: WorkerStream;
}

export class WorkerLogs {
  readonly #options: Required<Omit<WorkerLogsOptions, "colour">>;
  readonly #colour: boolean | undefined;
  readonly #dedup: LogDedup<Origin>;
  readonly #open = new Set<OpenLog>();
  #hinted = false;
  #disposed = false;

  constructor({ colour, ...options }: WorkerLogsOptions) {
    this.#options = {
      logToDriver: true,
      dedupLogs: true,
      maxLinesPerSecond: 1_000,
      onLine: undefined,
      ...options,
    };
    this.#colour = colour;
    this.#dedup = new LogDedup(options.clock, (text, origin, repeated) => this.#show(text, origin, repeated));
  }

  open(worker: LoggingWorker): WorkerLog {
    const { clock, logToDriver, maxLinesPerSecond } = this.#options;
    const log = new OpenLog(worker, {
      clock,
      maxLinesPerSecond,
      line: (text, origin) => {
        worker.onLine?.(lineOf(text, origin));
        if (logToDriver) this.#line(text, origin);
      },
      keepsUp: (stream) => (this.#options.to[stream].writableLength ?? 0) <= MAX_UNWRITTEN_BYTES,
      suppressed: (text, origin) => {
        worker.onLine?.(lineOf(text, origin));
        if (logToDriver) this.#write(text, origin);
      },
      closed: () => this.#open.delete(log),
    });
    this.#open.add(log);
    return log;
  }

  /** Tells everything held back (invariant 3). What still comes is shown as it is. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const log of this.#open) log[Symbol.dispose]();
    this.#dedup.flush();
  }

  #line(text: string, origin: Origin): void {
    if (this.#options.dedupLogs && !this.#disposed)
      this.#dedup.line(text, origin, { worker: origin.writer.pid, group: origin.stream });
    else this.#write(text, origin);
  }

  #show(text: string, origin: Origin, repeated: number): void {
    if (repeated === 0) {
      this.#write(text, origin);
      return;
    }
    const hint = this.#hinted ? "" : " (dedupLogs: false shows every line)";
    this.#hinted = true;
    this.#write(`${text} [repeated ${repeated}x across workers]${hint}`, origin);
  }

  #write(text: string, { writer, stream }: Origin): void {
    const { onLine } = this.#options;
    if (onLine !== undefined) {
      onLine(lineOf(text, { writer, stream }));
      return;
    }
    const to = this.#options.to[stream];
    to.write(`${prefixOf(writer, this.#colour ?? to.isTTY === true)} ${text}\n`);
  }
}

function lineOf(text: string, { writer, stream }: Origin): WorkerLine {
  return { text, stream, pid: writer.pid, name: writer.name };
}

interface OpenLogParts {
  readonly clock: Pick<Clock, "nowMs" | "timer">;
  readonly maxLinesPerSecond: number;
  readonly line: (text: string, origin: Origin) => void;
  readonly keepsUp: (stream: WorkerStream) => boolean;
  readonly suppressed: (text: string, origin: Origin) => void;
  readonly closed: () => void;
}

class OpenLog implements WorkerLog {
  readonly #worker: LoggingWorker;
  readonly #parts: OpenLogParts;
  /** Who writes to each stream now. */
  readonly #writers: Record<WorkerStream, Writer>;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #passed = 0;
  #suppressed = 0;
  #timer: Timer | undefined;

  constructor(worker: LoggingWorker, parts: OpenLogParts) {
    this.#worker = worker;
    this.#parts = parts;
    const writer = { pid: worker.pid, name: worker.name, host: worker.host };
    this.#writers = { stdout: writer, stderr: writer };
  }

  sink(stream: WorkerStream): LineSink {
    return {
      line: (text) => this.#read(stream, text),
      dropped: (count) => {
        // A marker may be among what was dropped: no name is better than the wrong one.
        this.#rename(stream, this.#worker.name);
        this.#suppressed += count;
        this.#tellSuppressed();
      },
    };
  }

  rename(name: string | undefined): void {
    this.#rename("stdout", name);
    this.#rename("stderr", name);
  }

  [Symbol.dispose](): void {
    this.#tellSuppressed();
    this.#parts.closed();
  }

  #read(stream: WorkerStream, line: string): void {
    const marked = splitAtMarker(line);
    if (marked === undefined) this.#pass(stream, line);
    else {
      if (marked.text !== "") this.#pass(stream, marked.text);
      this.#rename(stream, marked.name);
    }
  }

  #pass(stream: WorkerStream, text: string): void {
    const { clock, maxLinesPerSecond, line, keepsUp } = this.#parts;
    const nowMs = clock.nowMs();
    if (nowMs - this.#windowStartMs >= RATE_WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#passed = 0;
      this.#tellSuppressed();
    }
    // Invariants 1 and 2.
    if (this.#passed >= maxLinesPerSecond || !keepsUp(stream)) {
      this.#suppressed++;
      this.#timer ??= clock.timer(this.#windowStartMs + RATE_WINDOW_MS - nowMs, () => this.#tellSuppressed());
      return;
    }
    this.#passed++;
    line(visibleText(text), { writer: this.#writers[stream], stream });
  }

  #tellSuppressed(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#suppressed === 0) return;
    const text = `${this.#suppressed} lines not shown: more than can be shown in a second`;
    this.#suppressed = 0;
    this.#parts.suppressed(text, { writer: this.#writers.stderr, stream: "stderr" });
  }

  #rename(stream: WorkerStream, name: string | undefined): void {
    const { pid, host } = this.#worker;
    this.#writers[stream] = { pid, name, host };
  }
}
