// Logging: pino, one JSON line an event on standard error, so that standard output stays what a user asked for.

import { type Logger, pino } from "pino";

export type { Logger } from "pino";

export interface LogOptions {
  /** `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`; `info` by default. */
  readonly level?: string;
  /** Fields on every line, such as the process's role. */
  readonly fields?: Record<string, unknown>;
}

export function createLog(options: LogOptions = {}): Logger {
  return pino(
    { level: options.level ?? "info", base: { pid: process.pid, ...options.fields } },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A log that says nothing, for tests and for libraries nobody gave one. */
export const silentLog: Logger = pino({ level: "silent" });
