// Traffic configs and tables for tests, and a random number generator that always gives the same.

import type { CanaryConfig, TrafficConfig, VersionConfig } from "../../../controller/config/index.ts";
import { layOut } from "../../../controller/traffic/slots.ts";
import { SLOTS, type TrafficTable } from "../../../controller/traffic/table.ts";
import { bucketOf, noLatencies } from "../../../controller/traffic/latency-counts.ts";
import { noRequests, type VersionTally } from "../../../controller/traffic/tally.ts";

export const SPEC: CanaryConfig = {
  steps: [5, 25, 50],
  intervalMs: 10_000,
  minRequests: 100,
  maxErrorRate: 0.01,
  maxLatencyRatio: 1.5,
};

export function version(deployment: string, more: Partial<VersionConfig> = {}): VersionConfig {
  return { deployment, weight: 0, match: [], canary: undefined, shadow: undefined, ...more };
}

/** The first version is the stable one. */
export function traffic(...versions: readonly VersionConfig[]): TrafficConfig {
  return { model: undefined, stable: versions[0]?.deployment ?? "", versions, sticky: { kind: "none" } };
}

/** Of versions named v0, v1, …, with these shares in percent. */
export function table(percents: readonly number[], more: Partial<TrafficTable> = {}): TrafficTable {
  return {
    application: "app",
    model: null,
    revision: 1,
    stable: 0,
    versions: percents.map((_, index) => ({ deployment: `v${index}`, answers: index })),
    slots: layOut(percents.map((percent) => (percent * SLOTS) / 100)),
    rules: [],
    sticky: { kind: "none" },
    shadows: [],
    ...more,
  };
}

/** What became of requests with these latencies in milliseconds. */
export function tally(
  more: Partial<Omit<VersionTally, "latency">>,
  latenciesMs: readonly number[] = [],
): VersionTally {
  const latency = noLatencies();
  for (const latencyMs of latenciesMs) latency[bucketOf(latencyMs)] = (latency[bucketOf(latencyMs)] ?? 0) + 1;
  return { ...noRequests(), answered: latenciesMs.length, ...more, latency };
}

/** Evenly from 0 to below 1, the same sequence for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
