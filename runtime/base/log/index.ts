// Logging: pino, one JSON line an event on standard error, so that standard output stays what a user asked for.
//
// 1. Whoever logs never waits: lines are written beside the event loop, and what a reader does not take in time is dropped
//    once it is more than MAX_WAITING_BYTES, and counted.
// 2. What waits is written out before the process ends by itself.

import { type Logger, pino } from "pino";

export type { Logger } from "pino";

export interface LogOptions {
  /** `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`; `info` by default. */
  readonly level?: string;
  /** Fields on every line, such as the process's role. */
  readonly fields?: Record<string, unknown>;
}

const MAX_WAITING_BYTES = 1024 * 1024;

type Destination = ReturnType<typeof pino.destination>;

let standardError: Destination | undefined;

export function createLog(options: LogOptions = {}): Logger {
  // One for all, or their lines would be written into each other.
  standardError ??= openStandardError();
  return pino(
    { level: options.level ?? "info", base: { pid: process.pid, ...options.fields } },
    standardError,
  );
}

function openStandardError(): Destination {
  // Not synchronous (invariant 1); pino writes out what waits when the process exits (invariant 2).
  const destination = pino.destination({ fd: 2, sync: false, maxLength: MAX_WAITING_BYTES });
  let dropped = 0;
  destination.on("drop", () => dropped++);
  destination.on("drain", () => {
    if (dropped === 0) return;
    const line = {
      level: 40,
      time: Date.now(),
      pid: process.pid,
      dropped,
      msg: "log lines were dropped: nobody read",
    };
    dropped = 0;
    destination.write(`${JSON.stringify(line)}\n`);
  });
  return destination;
}

/** A log that says nothing, for tests and for libraries nobody gave one. */
export const silentLog: Logger = pino({ level: "silent" });
