// Reports as text for people. Pure.

import { renderTable } from "../bench/table.ts";
import type { Report } from "./scenario.ts";

/** A heading, and what stands under it; one line a scenario. */
export type Column<Found> = readonly [heading: string, cell: (report: Found) => string];

/** The scenario's name, these columns, and how many promises were kept. */
export function renderReports<Found extends Report>(
  columns: readonly Column<Found>[],
  reports: readonly Found[],
): string {
  const all: readonly Column<Found>[] = [["scenario", ({ name }) => name], ...columns, ["promises", keptOf]];
  return renderTable(
    all.map(([heading]) => heading),
    reports.map((report) => all.map(([, cell]) => cell(report))),
  );
}

/** One scenario: what was promised and found, and more lines about it. */
export function renderReport({ name, title, seed, promises }: Report, details: readonly string[]): string {
  return [
    `${name}: ${title} (seed ${seed})`,
    ...promises.map(
      ({ promise, kept, found, timed }) =>
        `  ${kept ? "✓" : timed ? "~" : "✗"} ${promise}${found === "" ? "" : ` (${found})`}`,
    ),
    ...details.map((detail) => `    ${detail}`),
  ].join("\n");
}

export function showCount(number: number): string {
  return number.toLocaleString("en-US");
}

function keptOf({ promises }: Report): string {
  return `${promises.filter(({ kept }) => kept).length} of ${promises.length}`;
}
