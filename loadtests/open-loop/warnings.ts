// What in a result is the generator's fault and not the server's, in sentences. Pure.

import type { OpenLoopReport } from "./report.ts";

/** Lag of less than this is that of a quiet machine and harms no latency that a network adds to. */
const HARMLESS_LAG_MS = 0.5;
/** The share of the measured p99 that the generator's own may be. */
const MAX_LAG_SHARE = 0.1;
/** CPU over wall time: above it the generator has no room to be in time. */
const MAX_BUSY = 0.9;
const LOCAL_CAUSES = ["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"];

interface Settings {
  readonly pacing?: "timer" | "spin";
  readonly maxConnections: number;
}

export function warningsOf(
  report: Omit<OpenLoopReport, "warnings">,
  { pacing = "timer", maxConnections }: Settings,
): string[] {
  const { lag, latency, connections, refusedBy } = report;
  const warnings: string[] = [];
  const ms = (value: number): string => `${value.toPrecision(3)} ms`;
  if (lag.p99Ms > HARMLESS_LAG_MS && lag.p99Ms > MAX_LAG_SHARE * latency.p99Ms) {
    const advice =
      pacing === "timer" && lag.p99Ms < 2 ? "; spin pacing sends more exactly" : "; it has too little CPU";
    warnings.push(
      `The generator itself was late: lag p99 ${ms(lag.p99Ms)}, latency p99 ${ms(latency.p99Ms)}${advice}.`,
    );
  }
  if (connections.delayed > 0) {
    const { delayed, delay } = connections;
    warnings.push(
      `${delayed} requests waited for one of ${maxConnections} connections, up to ${ms(delay.maxMs)}: the load was not as planned.`,
    );
  }
  const local = LOCAL_CAUSES.filter((cause) => refusedBy[cause] !== undefined);
  if (local.length > 0)
    warnings.push(`This machine refused connections, not the server: ${local.join(", ")}.`);
  const busy = report.cpuMs / Math.max(1, report.elapsedMs);
  if (pacing === "timer" && busy > MAX_BUSY) {
    warnings.push(
      `The generator used ${(busy * 100).toFixed(0)} % of a core: the rate is near what it can send.`,
    );
  }
  return warnings;
}
