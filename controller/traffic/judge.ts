// What a canary's requests say next to those of the stable version in the same time. A pure function of the counts.
//
// 1. No data, no decision: going on needs `min_requests` of the canary and some of the stable version.
// 2. It is judged by what it does worse than the stable version: what hits both is not its fault.
// 3. Looked at often, it is ended early only on strong evidence, so that many looks do not add up to a false alarm.

import type { CanaryConfig } from "../config/index.ts";
import { isSurelyMore, quantileInterval, rateInterval } from "./bounds.ts";
import { quantileMs } from "./latency-counts.ts";
import { totalOf, type VersionTally } from "./tally.ts";

export interface Trial {
  readonly canary: VersionTally;
  readonly stable: VersionTally;
  readonly elapsedMs: number;
}

export type Verdict =
  /** Time or requests are still missing. */
  | { readonly kind: "wait"; readonly reason: string }
  /** It cannot go on, nor is it surely at fault: look anew. */
  | { readonly kind: "hold"; readonly reason: string }
  | { readonly kind: "advance"; readonly reason: string }
  | { readonly kind: "roll-back"; readonly reason: string };

/** Invariant 3: 0.05 % on one side at each look; 5 % at the end of a step. */
const EARLY_Z = 3.3;
const CLOSING_Z = 1.645;
/** Fewer prove nothing, however bad. */
const LEAST_REQUESTS = 10;
/** Of the stable version, for a comparison. */
const LEAST_OF_STABLE = 30;
const QUANTILES = [
  ["median", 0.5],
  ["p95", 0.95],
] as const;

export function judge(trial: Trial, spec: CanaryConfig): Verdict {
  const { canary, stable, elapsedMs } = trial;
  const total = totalOf(canary);
  if (total >= LEAST_REQUESTS) {
    const fault = faultOf(trial, spec, EARLY_Z);
    if (fault !== undefined) return { kind: "roll-back", reason: fault };
  }
  const missing = missingOf(total, totalOf(stable), spec);
  if (missing !== undefined) return { kind: "wait", reason: missing };
  if (elapsedMs < spec.intervalMs) return { kind: "wait", reason: summaryOf(trial) };
  const fault = faultOf(trial, spec, CLOSING_Z);
  if (fault !== undefined) return { kind: "roll-back", reason: fault };
  const doubt = doubtOf(trial, spec);
  if (doubt !== undefined) return { kind: "hold", reason: doubt };
  return { kind: "advance", reason: summaryOf(trial) };
}

/** Invariant 1. */
function missingOf(canary: number, stable: number, spec: CanaryConfig): string | undefined {
  if (canary < spec.minRequests) return `waits for requests: ${canary} of ${spec.minRequests}`;
  const wanted = Math.min(spec.minRequests, LEAST_OF_STABLE);
  return stable < wanted ? `waits for requests of the stable version: ${stable} of ${wanted}` : undefined;
}

/** What is surely wrong with the canary and not with the stable version (invariant 2). */
function faultOf({ canary, stable }: Trial, spec: CanaryConfig, z: number): string | undefined {
  const total = totalOf(canary);
  const failures = { hits: canary.failed, total };
  const stableFailures = { hits: stable.failed, total: totalOf(stable) };
  const tooMany = rateInterval(failures.hits, total, z).low > spec.maxErrorRate;
  // With no request of the stable version to compare with, what is known is that this one fails.
  const worse = stableFailures.total === 0 || isSurelyMore(failures, stableFailures, z);
  if (tooMany && worse) return `fails ${errorsOf(canary, stable, spec)}`;
  const refusals = { hits: canary.refused, total };
  const stableRefusals = { hits: stable.refused, total: stableFailures.total };
  const excess = canary.refused / total - stable.refused / Math.max(1, stableRefusals.total);
  if (excess > spec.maxErrorRate && isSurelyMore(refusals, stableRefusals, z)) {
    const [found, expected] = [
      percent(refusals.hits, total),
      percent(stableRefusals.hits, stableRefusals.total),
    ];
    return `refuses ${found} of what clients send, the stable version ${expected}`;
  }
  for (const [name, quantile] of QUANTILES) {
    const { low } = quantileInterval(canary.latency, quantile, z);
    const { high } = quantileInterval(stable.latency, quantile, z);
    if (low > high * spec.maxLatencyRatio) return slowness(name, quantile, { canary, stable, spec });
  }
  return undefined;
}

/** What is above a bound, though not surely. */
function doubtOf({ canary, stable }: Trial, spec: CanaryConfig): string | undefined {
  if (canary.failed / totalOf(canary) > spec.maxErrorRate) return `fails ${errorsOf(canary, stable, spec)}`;
  for (const [name, quantile] of QUANTILES) {
    const [found, expected] = [quantileMs(canary.latency, quantile), quantileMs(stable.latency, quantile)];
    if (found !== undefined && expected !== undefined && found > expected * spec.maxLatencyRatio) {
      return slowness(name, quantile, { canary, stable, spec });
    }
  }
  return undefined;
}

type Sides = Pick<Trial, "canary" | "stable">;

function errorsOf(canary: VersionTally, stable: VersionTally, spec: CanaryConfig): string {
  const total = totalOf(canary);
  const expected = percent(stable.failed, totalOf(stable));
  return `${percent(canary.failed, total)} (${canary.failed} of ${total}), the stable version ${expected}, allowed ${percent(spec.maxErrorRate, 1)}`;
}

function slowness(
  name: string,
  quantile: number,
  { canary, stable, spec }: Sides & { readonly spec: CanaryConfig },
): string {
  const [found, expected] = [quantileMs(canary.latency, quantile), quantileMs(stable.latency, quantile)];
  return `${name} ${milliseconds(found)}, the stable version ${milliseconds(expected)}, allowed ${spec.maxLatencyRatio} times`;
}

function summaryOf({ canary, stable }: Sides): string {
  const total = totalOf(canary);
  const [found, expected] = [quantileMs(canary.latency, 0.95), quantileMs(stable.latency, 0.95)];
  return `${total} requests, failed ${percent(canary.failed, total)}, p95 ${milliseconds(found)} next to ${milliseconds(expected)}`;
}

function percent(hits: number, total: number): string {
  return total === 0 ? "nothing" : `${Number(((100 * hits) / total).toFixed(2))} %`;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "unknown" : `${Number(value.toPrecision(3))} ms`;
}
