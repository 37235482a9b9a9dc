// What a chaos scenario is, and what it finds; plain data.

import type { Report, Scenario as Base } from "../scenarios/scenario.ts";
import type { PhaseName, PhaseReport } from "./phases.ts";
import type { Stage } from "./stage.ts";

export type Scenario = Base<Stage>;

export interface ScenarioReport extends Report {
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
}
