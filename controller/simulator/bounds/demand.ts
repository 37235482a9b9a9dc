// How many replicas each second of a workload needs, known beforehand: what the oracle goes by.

import { Random } from "../kernel/random.ts";
import { type ServiceProfile, trueCapacity } from "../plant/service-profile.ts";
import type { ArrivalStream } from "../workload/arrivals.ts";

/** Arrivals per second of the very stream that a run of this seed gets. */
export function arrivalsPerSecond(
  arrivals: (random: Random) => ArrivalStream,
  { seed, seconds }: { readonly seed: number; readonly seconds: number },
): Float64Array {
  const counts = new Float64Array(Math.ceil(seconds));
  const stream = arrivals(new Random(seed).fork("workload"));
  for (let atMs = stream.next(); atMs < seconds * 1_000; atMs = stream.next()) {
    const second = Math.floor(atMs / 1_000);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}

/** Fewest replicas that get through each second's arrivals within the objective, sharing one queue. */
export function replicasNeeded(
  perSecond: Float64Array,
  { profile, objectiveMs }: { readonly profile: ServiceProfile; readonly objectiveMs: number },
): Uint16Array {
  const most = perSecond.reduce((largest, count) => Math.max(largest, count), 0);
  const capacities = [0];
  while ((capacities.at(-1) ?? 0) < most) {
    const next = trueCapacity(profile, capacities.length, objectiveMs);
    if (next <= 0) throw new Error(`One request takes longer than the objective of ${objectiveMs} ms`);
    capacities.push(next);
  }
  return Uint16Array.from(perSecond, (count) => capacities.findIndex((capacity) => capacity >= count));
}
