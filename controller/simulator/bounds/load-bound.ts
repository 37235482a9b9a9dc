// The largest load at which anybody could answer a share of the requests in time, who knew every arrival beforehand.
//
// 1. A fluid server: replicas run the largest batches that the objective allows, without gaps, without noise, without a hop, and
//    any fraction of a request is worked on at any time. Real batches are late where it is not, never the other way round.
// 2. Who would be late is turned away as it comes, which is best where all requests are alike: none is worked on in vain.

import { batchMs, type ServiceProfile } from "../plant/service-profile.ts";
import type { ArrivalStream } from "../workload/arrivals.ts";

export interface FluidServer {
  readonly profile: ServiceProfile;
  readonly replicas: number;
  readonly objectiveMs: number;
}

/** Share of the requests of a stream, from `fromMs` to `untilMs`, that a fluid server answers in time; 1 of none. */
export function fluidAttainment(
  arrivals: ArrivalStream,
  { profile, replicas, objectiveMs }: FluidServer,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): number {
  const fits = Math.floor((objectiveMs - profile.fixedMs) / profile.perRowMs + 1e-9);
  const rows = Math.max(0, Math.min(profile.maxRows, fits));
  const perMs = rows === 0 ? 0 : (replicas * rows) / batchMs(profile, rows);
  let [waiting, beforeMs, came, inTime] = [0, 0, 0, 0];
  for (let atMs = arrivals.next(); atMs < untilMs; atMs = arrivals.next()) {
    waiting = Math.max(0, waiting - (atMs - beforeMs) * perMs);
    beforeMs = atMs;
    const good = waiting + 1 <= perMs * objectiveMs; // invariant 2
    if (good) waiting++;
    if (atMs < fromMs) continue;
    came++;
    if (good) inTime++;
  }
  return came === 0 ? 1 : inTime / came;
}
