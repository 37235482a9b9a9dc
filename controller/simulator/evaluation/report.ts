// What an evaluation comes to: tables, plots, and for each target what was measured.

import type { Chart } from "../report/svg-chart.ts";
import type { TextTable } from "../report/text-table.ts";

/** One target, and how it came out. */
export interface Verdict {
  readonly target: string;
  readonly measured: string;
  readonly reached: boolean;
}

export interface EvaluationReport {
  readonly tables: readonly { readonly title: string; readonly table: TextTable }[];
  readonly verdicts: readonly Verdict[];
  /** By file name, without ending. */
  readonly charts: Readonly<Record<string, Chart>>;
}

export interface EvaluationOptions {
  /** Paired runs of each; seeds 1, 2, 3 …. Tuning uses others. */
  readonly seeds: number;
  /** Told what runs now. */
  readonly progress: (line: string) => void;
}

/** Seeds with which the others are tuned; never those that are published. */
export const TUNING_SEEDS = [1_001, 1_002] as const;

export function seedsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1);
}
