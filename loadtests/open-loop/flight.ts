// A request from its intended send time to its outcome, as its owner, a pool and a connection share it.

import type { FlightTarget } from "./flights.ts";
import type { Outcome } from "./outcome.ts";

export interface Flight {
  readonly id: string;
  readonly target: FlightTarget;
  /** The intended send time from the start of the load, and on the clock of `performance.now()`. */
  readonly timeMs: number;
  readonly intendedMs: number;
  /** When it was first written; undefined until then. */
  writtenMs: number | undefined;
  attempts: number;
  /** Undefined while it is open. */
  outcome: Outcome | undefined;
  /** When it got its first outcome. */
  settledMs: number;
  /** That of its timeout, and of its next attempt. */
  timer: NodeJS.Timeout | undefined;
  retryTimer: NodeJS.Timeout | undefined;
  /** Takes it off the connection or the queue that holds it. */
  abandon: (() => void) | undefined;
}
