// What the table says of a scaling scenario. Pure.

import { showMs } from "../bench/table.ts";
import {
  type Column,
  renderReport as renderAny,
  renderReports as renderTable,
  showCount,
} from "../scenarios/render.ts";
import type { ScenarioReport } from "./scenario.ts";

const COLUMNS: readonly Column<ScenarioReport>[] = [
  ["requests", ({ seen }) => showCount(seen.sent)],
  ["ok", ({ seen }) => showCount(seen.ok)],
  ["refused", ({ seen }) => showCount(seen.refused)],
  ["failed", ({ seen }) => showCount(seen.failed)],
  ["replicas", ({ replicas }) => replicas.join(" to ")],
  ["p50 ms", ({ seen }) => showMs(seen.p50Ms)],
  ["p99 ms", ({ seen }) => showMs(seen.p99Ms)],
];

/** One line a scenario. */
export function renderReports(reports: readonly ScenarioReport[]): string {
  return renderTable(COLUMNS, reports);
}

/** One scenario: what was promised and found, and the decisions. */
export function renderReport(report: ScenarioReport): string {
  return renderAny(report, report.decisions);
}
