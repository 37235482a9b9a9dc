// Options of `graph.compile`, checked.

import { checkNames } from "../../api/option-names.ts";
import { ShoalError } from "../../../base/index.ts";

export interface CompileOptions {
  /** Ends the set-up, in which all actors take part: with CANCELLED, or DEADLINE_EXCEEDED by `AbortSignal.timeout`. */
  readonly signal?: AbortSignal;
  /** Executions on their way at once, 10 by default; further ones wait for a place. */
  readonly maxInFlight?: number;
  /** Executions waiting for a place, 1,000 by default; one more is refused with QUEUE_FULL. */
  readonly maxQueued?: number;
}

/** Ray's `_max_inflight_executions`. */
const MAX_IN_FLIGHT = 10;
const MAX_QUEUED = 1_000;

/** How many executions at once. */
export type CompileLimits = Required<Pick<CompileOptions, "maxInFlight" | "maxQueued">>;

/** Throws INVALID_ARGUMENT. */
export function checkCompileOptions(options: CompileOptions): CompileLimits {
  checkNames("compiled", options, "a compiled graph");
  const { maxInFlight = MAX_IN_FLIGHT, maxQueued = MAX_QUEUED } = options;
  count("maxInFlight", maxInFlight, 1);
  count("maxQueued", maxQueued, 0);
  return { maxInFlight, maxQueued };
}

function count(key: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const what = `Cannot compile a graph with ${key}: found ${value}, wanted a whole number from ${least}`;
  throw new ShoalError("INVALID_ARGUMENT", what);
}
