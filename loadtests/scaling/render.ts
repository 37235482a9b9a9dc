// Reports as text for people. Pure.

import { renderTable, showMs } from "../bench/table.ts";
import type { ScenarioReport } from "./scenario.ts";

/** One line a scenario. */
export function renderReports(reports: readonly ScenarioReport[]): string {
  const heading = [
    "scenario",
    "requests",
    "ok",
    "refused",
    "failed",
    "replicas",
    "p50 ms",
    "p99 ms",
    "promises",
  ];
  return renderTable(heading, reports.map(rowOf));
}

/** One scenario: what was promised and found, and the decisions. */
export function renderReport({ name, title, seed, promises, decisions }: ScenarioReport): string {
  return [
    `${name}: ${title} (seed ${seed})`,
    ...promises.map(
      ({ promise, kept, found, timed }) => `  ${kept ? "✓" : timed ? "~" : "✗"} ${promise} (${found})`,
    ),
    ...decisions.map((decision) => `    ${decision}`),
  ].join("\n");
}

/** Every promise was kept; what took too long counts as well. */
export function isKept({ promises }: ScenarioReport): boolean {
  return promises.every(({ kept }) => kept);
}

function rowOf({ name, seen, replicas, promises }: ScenarioReport): string[] {
  const count = (number: number): string => number.toLocaleString("en-US");
  return [
    name,
    count(seen.sent),
    count(seen.ok),
    count(seen.refused),
    count(seen.failed),
    replicas.join(" to "),
    showMs(seen.p50Ms),
    showMs(seen.p99Ms),
    `${promises.filter(({ kept }) => kept).length} of ${promises.length}`,
  ];
}
