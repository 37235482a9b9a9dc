// What the table says of a chaos scenario. Pure.

import { showMs } from "../bench/table.ts";
import {
  type Column,
  renderReport as renderAny,
  renderReports as renderTable,
  showCount,
} from "../scenarios/render.ts";
import { PHASES } from "./phases.ts";
import type { ScenarioReport } from "./scenario.ts";

const COLUMNS: readonly Column<ScenarioReport>[] = [
  ["requests", ({ requests }) => showCount(requests)],
  ["ok", ({ ok }) => showCount(ok)],
  ["failed", ({ failed }) => showCount(Object.values(failed).reduce((sum, number) => sum + number, 0))],
  ["lost", ({ lost, refused, unanswered }) => showCount(lost + refused + unanswered)],
  ["p50 ms", (report) => latencies(report, "p50Ms")],
  ["p99 ms", (report) => latencies(report, "p99Ms")],
  ["recovery s", recovery],
];

/** One line a scenario. */
export function renderReports(reports: readonly ScenarioReport[]): string {
  return renderTable(COLUMNS, reports);
}

/** One scenario: what was promised and found, and the rest. */
export function renderReport(report: ScenarioReport): string {
  const failures = Object.entries(report.failed).map(([kind, count]) => `${count} × ${kind}`);
  return renderAny(report, [
    ...Object.entries(report.facts).map(([fact, value]) => `${fact}: ${value}`),
    ...(failures.length === 0 ? [] : [`failed: ${failures.join(", ")}`]),
  ]);
}

function latencies({ phases }: ScenarioReport, key: "p50Ms" | "p99Ms"): string {
  return PHASES.map((phase) => showMs(phases[phase].ok === 0 ? Number.NaN : phases[phase][key])).join(" / ");
}

/** Median and longest. */
function recovery({ recoveriesMs }: ScenarioReport): string {
  const sorted = recoveriesMs.toSorted((left, right) => left - right);
  const seconds = (ms: number | undefined): string => ((ms ?? 0) / 1_000).toFixed(2);
  if (sorted.length === 0) return "–";
  if (sorted.length === 1) return seconds(sorted[0]);
  return `${seconds(sorted[Math.floor(sorted.length / 2)])} ≤ ${seconds(sorted.at(-1))}`;
}
