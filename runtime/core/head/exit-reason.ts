// The reasons for which an actor's process ends.

import type { ShoalError } from "../../base/index.ts";

export type ExitReason =
  /** It was stopped; `exitCode` is 0 when the process ended by itself within its grace. */
  | { readonly kind: "INTENDED"; readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }
  /** It was killed, or its creation was cancelled. */
  | { readonly kind: "KILLED" }
  /** Loading the module or creating the instance threw `error`; `final` when restarting cannot help. */
  | { readonly kind: "CREATION_FAILED"; readonly error: ShoalError; readonly final: boolean }
  | { readonly kind: "START_TIMEOUT"; readonly timeoutMs: number }
  /** The process ended by itself: an uncaught error, `process.exit`, a signal from outside, out of memory. */
  | {
      readonly kind: "CRASHED";
      readonly during: "creation" | "service";
      /** Why there was no process at all. */
      readonly unstarted?: string | undefined;
      readonly exitCode: number | null;
      readonly signal: NodeJS.Signals | null;
    };

/** Whether a restart after this end could not help. */
export function isFinal(reason: ExitReason): boolean {
  return (
    reason.kind === "INTENDED" ||
    reason.kind === "KILLED" ||
    (reason.kind === "CREATION_FAILED" && reason.final)
  );
}

/** A clause for logs and messages, such as "crashed with exit code 7". */
export function describeExit(reason: ExitReason): string {
  switch (reason.kind) {
    case "INTENDED":
      return `stopped with ${describeStatus(reason)}`;
    case "KILLED":
      return "killed";
    case "CREATION_FAILED":
      return `creation failed: ${reason.error.message}`;
    case "START_TIMEOUT":
      return `not ready after ${reason.timeoutMs} ms`;
    case "CRASHED":
      if (reason.unstarted !== undefined) return `its process could not be started: ${reason.unstarted}`;
      return `crashed in ${reason.during} with ${describeStatus(reason)}`;
  }
}

function describeStatus(status: { exitCode: number | null; signal: NodeJS.Signals | null }): string {
  return status.signal === null ? `exit code ${status.exitCode}` : status.signal;
}
