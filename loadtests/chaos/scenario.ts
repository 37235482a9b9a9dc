// What a scenario is, and what it finds; plain data.

import type { PhaseName, PhaseReport } from "./phases.ts";
import type { Stage } from "./stage.ts";

export interface Scenario {
  /** As on the command line. */
  readonly name: string;
  /** What is done, in a line. */
  readonly title: string;
  /** Serves, puts load on, does it, and says on the stage what it found. */
  run(stage: Stage): Promise<void>;
}

/** Something that Shoal promises, and whether it was so. */
export interface PromiseReport {
  readonly promise: string;
  readonly kept: boolean;
  /** What was found, with figures. */
  readonly found: string;
  /** About how long something took: on a busy machine it says more about that. */
  readonly timed: boolean;
}

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly seed: number;
  /** Requests sent; `ok`, the values of `failed`, `lost`, `refused` and `unanswered` add up to it, less `twice`. */
  readonly requests: number;
  readonly ok: number;
  /** Answered with a failure, by status and code. */
  readonly failed: Readonly<Record<string, number>>;
  /** No connection came about. */
  readonly refused: number;
  /** The connection broke before the answer was whole. */
  readonly lost: number;
  /** No answer within a minute. */
  readonly unanswered: number;
  readonly twice: number;
  readonly phases: Readonly<Record<PhaseName, PhaseReport>>;
  /** From each trouble until all was as wanted again, in milliseconds, to some 50 ms. */
  readonly recoveriesMs: readonly number[];
  readonly facts: Readonly<Record<string, string | number>>;
  readonly promises: readonly PromiseReport[];
}
