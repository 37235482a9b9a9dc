// The rows of a timeline as CSV or as JSON lines. Pure.

import type { OutcomeReport, TimelineRow } from "./report.ts";

const COLUMNS: readonly (readonly [name: string, value: (row: TimelineRow) => string | number])[] = [
  ["second", ({ second }) => second],
  ["sent", ({ sent }) => sent],
  ["ok", ({ ok }) => ok],
  ["failed", ({ failed }) => failed],
  ["refused", ({ refused }) => refused],
  ["timed_out", ({ timedOut }) => timedOut],
  ["lost", ({ lost }) => lost],
  ["twice", ({ twice }) => twice],
  ["delayed", ({ delayed }) => delayed],
  ["within_slo", ({ withinSlo }) => withinSlo ?? ""],
  ["p50_ms", ({ latency }) => milliseconds(latency.p50Ms)],
  ["p99_ms", ({ latency }) => milliseconds(latency.p99Ms)],
  ["max_ms", ({ latency }) => milliseconds(latency.maxMs)],
  ["errors", (row) => `"${kindsOf(row).replaceAll('"', '""')}"`],
];

/** With a line of names; latencies of ok answers in ms; `errors` as `503 REPLICA_DIED=2; ECONNREFUSED=1`. */
export function timelineCsv(rows: readonly TimelineRow[]): string {
  const lines = rows.map((row) => COLUMNS.map(([, value]) => value(row)).join(","));
  return `${[COLUMNS.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
}

export function timelineJsonLines(rows: readonly TimelineRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** What failed, by kind. */
export function kindsOf({ errors, refusedBy, lostBy }: OutcomeReport): string {
  return [
    ...errors.map(({ status, code, count }) => `${status}${code === "" ? "" : ` ${code}`}=${count}`),
    ...Object.entries({ ...refusedBy, ...lostBy }).map(([cause, count]) => `${cause}=${count}`),
  ].join("; ");
}

function milliseconds(value: number): string {
  return value.toFixed(3);
}
