// What the table says of a validation: the real figure and the simulator's. Pure.

import { showMs } from "../bench/table.ts";
import {
  type Column,
  renderReport as renderAny,
  renderReports as renderTable,
  showCount,
} from "../scenarios/render.ts";
import type { Figures } from "./figures.ts";
import type { ValidationReport } from "./index.ts";

const both =
  (show: (figures: Figures) => string) =>
  ({ real, simulated }: ValidationReport): string =>
    `${show(real)} / ${show(simulated)}`;

const COLUMNS: readonly Column<ValidationReport>[] = [
  ["requests", ({ real }) => showCount(real.sent)],
  ["in time, real / simulated", both(({ attainment }) => `${(100 * attainment).toFixed(2)} %`)],
  ["p50 ms", both(({ p50Ms }) => showMs(p50Ms))],
  ["p99 ms", both(({ p99Ms }) => showMs(p99Ms))],
  ["replica-s", both(({ replicaSeconds }) => replicaSeconds.toFixed(0))],
];

/** One line a workload. */
export function renderReports(reports: readonly ValidationReport[]): string {
  return renderTable(COLUMNS, reports);
}

/** One workload: how far apart, and what was measured beforehand. */
export function renderReport(report: ValidationReport): string {
  return renderAny(report, report.details);
}
