// What the command's exit status says; `shoal --help` lists them.

export const EXIT = {
  OK: 0,
  /** Something went wrong while running. */
  FAILED: 1,
  /** The config or the command line is wrong; nothing was started. */
  USAGE: 2,
  /** No running server, or no running runtime, was found. */
  NO_SERVER: 3,
} as const;

export const EXIT_HELP = `
Exit status:
  0  done; for "serve run", ended after draining
  1  failed while running, or a deployment could not be served (serve status --check)
  2  the config or the command line is wrong, or a port is in use; nothing was started
  3  no running server, or no running runtime, was found`;

/** Ends the command with one line on standard error. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
