// Reports as text for people. Pure.

import { renderTable, showMs } from "../bench/table.ts";
import { PHASES } from "./phases.ts";
import type { ScenarioReport } from "./scenario.ts";

/** One line a scenario. */
export function renderReports(reports: readonly ScenarioReport[]): string {
  const heading = [
    "scenario",
    "requests",
    "ok",
    "failed",
    "lost",
    "p50 ms",
    "p99 ms",
    "recovery s",
    "promises",
  ];
  return renderTable(heading, reports.map(rowOf));
}

/** One scenario: what was promised and found, and the rest. */
export function renderReport(report: ScenarioReport): string {
  const { name, title, seed, failed, facts } = report;
  const failures = Object.entries(failed).map(([kind, count]) => `${count} × ${kind}`);
  return [
    `${name}: ${title} (seed ${seed})`,
    ...report.promises.map(
      ({ promise, kept, found, timed }) =>
        `  ${kept ? "✓" : timed ? "~" : "✗"} ${promise}${found === "" ? "" : ` (${found})`}`,
    ),
    ...Object.entries(facts).map(([fact, value]) => `    ${fact}: ${value}`),
    ...(failures.length === 0 ? [] : [`    failed: ${failures.join(", ")}`]),
  ].join("\n");
}

/** Every promise was kept; what took too long counts as well. */
export function isKept({ promises }: ScenarioReport): boolean {
  return promises.every(({ kept }) => kept);
}

function rowOf(report: ScenarioReport): string[] {
  const { name, requests, ok, failed, lost, refused, unanswered, phases, promises } = report;
  const latencies = (key: "p50Ms" | "p99Ms"): string =>
    PHASES.map((phase) => showMs(phases[phase].ok === 0 ? Number.NaN : phases[phase][key])).join(" / ");
  const count = (number: number): string => number.toLocaleString("en-US");
  return [
    name,
    count(requests),
    count(ok),
    count(Object.values(failed).reduce((sum, number) => sum + number, 0)),
    count(lost + refused + unanswered),
    latencies("p50Ms"),
    latencies("p99Ms"),
    recovery(report),
    `${promises.filter(({ kept }) => kept).length} of ${promises.length}`,
  ];
}

/** Median and longest. */
function recovery({ recoveriesMs }: ScenarioReport): string {
  const sorted = recoveriesMs.toSorted((left, right) => left - right);
  const seconds = (ms: number | undefined): string => ((ms ?? 0) / 1_000).toFixed(2);
  if (sorted.length === 0) return "–";
  if (sorted.length === 1) return seconds(sorted[0]);
  return `${seconds(sorted[Math.floor(sorted.length / 2)])} ≤ ${seconds(sorted.at(-1))}`;
}
