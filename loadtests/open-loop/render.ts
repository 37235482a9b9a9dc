// A report as text for people. Pure.

import { renderTable, showMs } from "../bench/table.ts";
import type { LatencyReport, OpenLoopReport, OutcomeReport } from "./report.ts";

export function renderReport(report: OpenLoopReport): string {
  const { sent, windowMs, sentPerSecond, okPerSecond, seed, interrupted, attempts } = report;
  const retried = attempts > sent ? `, ${count(attempts - sent)} retries` : "";
  const sections = [
    `${count(sent)} requests in ${(windowMs / 1000).toFixed(1)} s, ${sentPerSecond.toFixed(1)}/s; ok ${okPerSecond.toFixed(1)}/s${retried}; seed ${seed}${interrupted ? "; interrupted" : ""}`,
    renderTable(["requests", "", "%"], outcomeRows(report)),
    renderTable(["ms", "p50", "p90", "p99", "p99.9", "max"], latencyRows(report)),
  ];
  const classes = Object.entries(report.classes);
  if (classes.length > 1) {
    const heading = [
      "class",
      "sent",
      "ok",
      "p50 ms",
      "p99 ms",
      "p99.9 ms",
      ...(report.attainment === undefined ? [] : ["within"]),
    ];
    sections.push(
      renderTable(
        heading,
        classes.map(([name, outcome]) => classRow(name, outcome)),
      ),
    );
  }
  const { opened, peak } = report.connections;
  sections.push(
    `${count(opened)} connections opened, ${count(peak)} at a time; ${report.cpuMicrosPerAttempt.toFixed(0)} µs of CPU a request`,
  );
  return [...sections, ...report.warnings.map((warning) => `! ${warning}`)].join("\n\n");
}

function outcomeRows(report: OutcomeReport): string[][] {
  const { sent, ok, errors, refusedBy, lostBy, lostOnReuse, timedOut, timedOutUnwritten, twice } = report;
  const row = (title: string, number: number): string[] => [title, count(number), share(number, sent)];
  return [
    row("sent", sent),
    row("ok", ok),
    ...(report.withinSlo === undefined ? [] : [row("  within the objective", report.withinSlo)]),
    ...errors.map(({ status, code, count: number }) => row(`answered ${status} ${code}`.trimEnd(), number)),
    ...Object.entries(refusedBy).map(([cause, number]) => row(`refused: ${cause}`, number)),
    row("timed out", timedOut),
    ...(timedOutUnwritten === 0 ? [] : [row("  before they were written", timedOutUnwritten)]),
    ...(report.lost === 0 ? [row("lost", 0)] : []),
    ...Object.entries(lostBy).map(([cause, number]) => row(`lost: ${cause}`, number)),
    ...(lostOnReuse === 0 ? [] : [row("  on a connection that had been idle", lostOnReuse)]),
    row("answered twice", twice),
  ];
}

function latencyRows({ latency, serviceLatency, errors, lag, connections }: OpenLoopReport): string[][] {
  return [
    latencyRow("ok, from the intended send time", latency),
    latencyRow("ok, from the actual one", serviceLatency),
    ...errors.map(({ status, code, latency: its }) => latencyRow(`${status} ${code}`.trimEnd(), its)),
    latencyRow("the generator's own lag", lag),
    ...(connections.delayed === 0 ? [] : [latencyRow("waits for a connection", connections.delay)]),
  ];
}

function latencyRow(
  title: string,
  { count: number, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: LatencyReport,
): string[] {
  const shown = (ms: number): string => showMs(number === 0 ? Number.NaN : ms);
  return [title, ...[p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(shown)];
}

function classRow(name: string, { sent, ok, latency, withinSlo }: OutcomeReport): string[] {
  const { p50Ms, p99Ms, p999Ms } = latency;
  return [
    name,
    count(sent),
    count(ok),
    ...[p50Ms, p99Ms, p999Ms].map((ms) => showMs(ok === 0 ? Number.NaN : ms)),
    ...(withinSlo === undefined ? [] : [`${share(withinSlo, sent)} %`]),
  ];
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

function share(part: number, whole: number): string {
  return whole === 0 ? "–" : ((part / whole) * 100).toFixed(2);
}
