// What an actor and a worker that calls it say to each other over a socket of their own, and what both tell the head of it.
//
// Only ordinary calls and their small results go this way. Whatever else becomes of a call is handed over to the head,
// as if it had been submitted there.
//
// 1. Most messages are calls and results, so these two are the shortest.

import type { WireError } from "../../base/index.ts";
import type { Id, WireOutcome } from "./messages.ts";

/** A call; its parts are the list of arguments. `method` is the number of a `MethodMessage` sent before. */
export type CallMessage = readonly [task: Id, method: number];

export interface MethodMessage {
  readonly type: "method";
  readonly number: number;
  readonly label: string;
  readonly method: string;
  readonly group: string | undefined;
  readonly window: number;
}

export type ToCallee =
  | CallMessage
  | MethodMessage
  /** The first one: who calls, by its index. */
  | { readonly type: "hello"; readonly caller: number }
  | { readonly type: "cancel"; readonly task: Id; readonly force: boolean; readonly recursive: boolean };

export type FromCallee =
  /** The call of that number is over; its parts are the result. */
  | Id
  | {
      readonly type: "failed";
      readonly task: Id;
      readonly error: WireError;
      readonly name: string;
      readonly typed: boolean;
    }
  /** It runs, and its result is not for this way: a file, references, items. To be handed over. */
  | { readonly type: "moves"; readonly task: Id }
  /** It was not begun: the actor is being stopped. */
  | { readonly type: "refused"; readonly task: Id };

/** What the head answers to who wants to call an actor directly. */
export type RouteAnswer =
  | {
      readonly kind: "route";
      readonly actor: Id;
      /** Of the socket that the actor's process listens on. */
      readonly path: string;
      readonly incarnation: number;
      readonly workerIndex: number;
      readonly pid: number | undefined;
      /** Whether calls are recorded for lists. */
      readonly reports: boolean;
    }
  /** Not at this moment. */
  | { readonly kind: "later" }
  /** The actor's options want every call to be counted by the head. */
  | { readonly kind: "never" };

/** Of a call that was sent directly and is now the head's: to which process of the actor, and whether it `runs` there. */
export interface HandedOver {
  readonly incarnation: number;
  readonly runs: boolean;
}

/** Of a call by way of the head: so many direct ones of the same caller go before it. */
export interface After {
  readonly caller: number;
  readonly incarnation: number;
  readonly count: number;
}

/** Direct calls, told after the fact for the lists of tasks. */
export interface CallReport {
  readonly type: "calls";
  readonly actor: Id;
  readonly workerIndex: number;
  /** What ages below are counted back from, in milliseconds of the epoch. */
  readonly atEpochMs: number;
  readonly labels: readonly string[];
  /** ROW_NUMBERS a call: task, parent or 0, index of its label, ages of its submission and of its end, or -1. */
  readonly rows: readonly number[];
  readonly failures: readonly (readonly [task: Id, code: string, message: string])[];
}

export const ROW_NUMBERS = 5;

/** An object that only its maker knew until now: a reference to it is about to leave. */
export interface OwnMessage {
  readonly type: "own";
  readonly object: Id;
  readonly origin: string;
  /** Undefined: it comes as a `settle`. */
  readonly outcome: WireOutcome | undefined;
}

export interface SettleMessage {
  readonly type: "settle";
  readonly object: Id;
  readonly outcome: WireOutcome;
}
