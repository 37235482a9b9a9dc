// The states an actor can be in, with Ray's names, and the reasons for which its process ends.
//
// 1. What is here is data to read and log; the process and the timers of a state are held in actor.ts.

import { ShoalError } from "../base/index.ts";

export type ExitReason =
  /** `stop()` was called; `exitCode` is 0 when the process ended by itself within its grace. */
  | { readonly kind: "INTENDED"; readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }
  /** `kill()` was called, or the start was cancelled. */
  | { readonly kind: "KILLED" }
  /** Loading the module or creating the instance threw `error`; `final` when restarting cannot help. */
  | { readonly kind: "CREATION_FAILED"; readonly error: ShoalError; readonly final: boolean }
  | { readonly kind: "START_TIMEOUT"; readonly timeoutMs: number }
  /** The process ended by itself: an uncaught error, `process.exit`, a signal from outside, out of memory. */
  | {
      readonly kind: "CRASHED";
      readonly during: "creation" | "service";
      readonly exitCode: number | null;
      readonly signal: NodeJS.Signals | null;
    };

/** `incarnation` counts the processes of an actor from 1; `restarts` those started again. */
interface Counted {
  readonly incarnation: number;
  readonly restarts: number;
}

/** What one process of an actor is known by. */
interface Running extends Counted {
  readonly pid: number;
}

export type ActorState<Info> =
  | ({ readonly kind: "PENDING_CREATION" } & Counted)
  /** `info` is what `describe()` of this incarnation's instance returned. */
  | ({ readonly kind: "ALIVE"; readonly info: Info } & Running)
  /** `cause` ended the last process; `step` tells the pause from the creation of the next one. */
  | ({
      readonly kind: "RESTARTING";
      readonly cause: ExitReason;
      readonly step: "WAITING" | "CREATING";
      readonly delayMs: number;
    } & Counted)
  | ({ readonly kind: "STOPPING"; readonly step: "ASKED" | "SIGTERM" | "SIGKILL" } & Counted)
  | ({ readonly kind: "DEAD"; readonly reason: ExitReason } & Counted);

export type ActorStateKind = ActorState<unknown>["kind"];

/** What `onTransition` is told: the state that was left, the one entered, and why. */
export interface ActorTransition<Info> {
  readonly from: ActorStateKind;
  readonly to: ActorState<Info>;
  readonly reason: string;
}

export const TRANSITIONS: Readonly<Record<ActorStateKind, readonly ActorStateKind[]>> = {
  PENDING_CREATION: ["ALIVE", "RESTARTING", "STOPPING", "DEAD"],
  ALIVE: ["RESTARTING", "STOPPING", "DEAD"],
  RESTARTING: ["ALIVE", "RESTARTING", "STOPPING", "DEAD"],
  STOPPING: ["STOPPING", "DEAD"],
  DEAD: [],
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
      return `crashed in ${reason.during} with ${describeStatus(reason)}`;
  }
}

function describeStatus(status: { exitCode: number | null; signal: NodeJS.Signals | null }): string {
  return status.signal === null ? `exit code ${status.exitCode}` : status.signal;
}

/** What a caller of `ProcessActor.start` gets when the actor never became ALIVE. */
export function startError(name: string, reason: ExitReason): ShoalError {
  const message = `Cannot start actor "${name}": ${describeExit(reason)}`;
  switch (reason.kind) {
    case "CREATION_FAILED":
      return reason.error;
    case "START_TIMEOUT":
      return new ShoalError("DEADLINE_EXCEEDED", message);
    case "CRASHED":
      return new ShoalError("ACTOR_DIED", message);
    case "INTENDED":
    case "KILLED":
      return new ShoalError("CANCELLED", message);
  }
}
