// Which replicas to start now, and which to reconfigure.
//
// 1. What lives never exceeds the wanted number and one step.
// 2. Missing capacity is made up with what has proven itself before; of a version on trial, at most one step of
//    replicas is unproven at a time.
// 3. A surge waits for what is still draining: processes, too, stay within the wanted number and one step.
// 4. A version in trouble waits for its back-off; others do not.

import type { Aim } from "./aim.ts";
import type { Member } from "./census.ts";
import { type DesiredDeployment, stepOf } from "./desired.ts";
import type { ObservedReplica } from "./observed.ts";
import type { Trouble } from "./trouble.ts";
import type { Revision } from "./version.ts";

export interface Starts {
  readonly starts: readonly { readonly revision: Revision; readonly reason: string }[];
  readonly reconfigures: readonly ObservedReplica[];
  /** When the next may be, of those that the back-off holds back; infinite when none is. */
  readonly heldUntilMs: number;
}

export interface StartContext {
  readonly aim: Aim;
  readonly troubles: ReadonlyMap<string, Trouble>;
  readonly nowMs: number;
  /** Including those that have been told to stop now. */
  readonly stopping: number;
}

/** `members` are those that stay. */
export function chooseStarts(
  members: readonly Member[],
  desired: DesiredDeployment,
  { aim, troubles, nowMs, stopping }: StartContext,
): Starts {
  const { numReplicas: wanted, rollout } = desired;
  const step = stepOf(desired);
  let live = members.length;
  const fresh = members.filter((member) => member.fresh).length;
  const trial = members.filter((member) => member.trial).length;
  const busy = inFlight(members, { aim, minReadyMs: rollout.minReadyMs, nowMs });

  let heldUntilMs = Number.POSITIVE_INFINITY;
  /** `count`, or none while the version waits (invariant 4). */
  const unlessHeld = (count: number, key: string): number => {
    if (count <= 0) return 0;
    const retryAtMs = troubles.get(key)?.retryAtMs ?? nowMs;
    if (retryAtMs <= nowMs) return count;
    heldUntilMs = Math.min(heldUntilMs, retryAtMs);
    return 0;
  };

  const relied = live - trial; // invariant 2
  // Where old replicas may make room for new ones, their places are not filled again.
  const floor = rollout.whenShort === "stop-old" && aim.onTrial ? wanted - step : wanted;
  const sameProcess = aim.fallback.version.heavy === aim.revision.version.heavy;
  const gap = Math.min(
    floor - relied,
    wanted + step - live, // invariant 1
    sameProcess ? wanted - fresh : Number.POSITIVE_INFINITY,
  );
  const filling = unlessHeld(gap, aim.fallbackKey);
  live += filling;
  const surge = Math.min(
    wanted - fresh - (sameProcess ? filling : 0),
    step - trial - busy,
    wanted + step - live - stopping, // invariant 3
  );
  const surging = unlessHeld(surge, aim.key);

  // On trial, one that has yet to prove itself with the old one would be given up as capacity.
  const stale = members.filter(
    ({ fresh, key, replica, proven }) =>
      fresh && key !== aim.key && replica.phase.kind === "RUNNING" && (proven || !aim.onTrial),
  );
  const budget = Math.min(stale.length, step - trial - busy - Math.max(0, surging));
  const reconfiguring = unlessHeld(budget, aim.key);

  return {
    starts: [
      ...repeat(filling, { revision: aim.fallback, reason: `${relied} of ${wanted} replicas` }),
      ...repeat(surging, { revision: aim.revision, reason: "to take the place of another" }),
    ],
    // The least harmful stand first.
    reconfigures: stale.slice(0, reconfiguring).map(({ replica }) => replica),
    heldUntilMs,
  };
}

interface FlightContext {
  readonly aim: Aim;
  readonly minReadyMs: number;
  readonly nowMs: number;
}

/** Replicas that are being reconfigured, or were a moment ago. */
function inFlight(members: readonly Member[], { aim, minReadyMs, nowMs }: FlightContext): number {
  let count = 0;
  for (const { replica, key, trial } of members) {
    const { phase } = replica;
    if (phase.kind === "UPDATING") count++;
    else if (phase.kind === "RUNNING" && key === aim.key && !trial && phase.configuredMs > phase.sinceMs) {
      if (phase.configuredMs + minReadyMs > nowMs) count++;
    }
  }
  return count;
}

function repeat<T>(count: number, value: T): T[] {
  return count > 0 ? Array.from({ length: count }, () => value) : [];
}
