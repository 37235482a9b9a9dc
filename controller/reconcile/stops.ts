// Which replicas to stop now.
//
// 1. A replica that has proven itself is stopped only when as many as wanted remain that have (unless the policy
//    says `stop-old`, and then at most a step fewer).
// 2. What serves nobody and is of no version that matters goes at once; so does what has not proven itself of a
//    version that was given up.
// 3. In the end at most the wanted number and one step live.
// 4. Room goes to the new version first: an old one that waits for room, longer than a new one does, goes and may come again
//    behind it. Otherwise the first room found would start the old version, which may ask for more, and hold up the new one.

import type { Aim } from "./aim.ts";
import type { Member } from "./census.ts";
import { type DesiredDeployment, stepOf } from "./desired.ts";
import { shortVersion } from "./version.ts";

export interface Stop {
  readonly member: Member;
  readonly reason: string;
}

export interface StopContext {
  readonly aim: Aim;
  /** Replicas that are on their way out already. */
  readonly stopping: number;
}

/** `members` in the order of the harm that their end does. */
export function chooseStops(
  members: readonly Member[],
  desired: DesiredDeployment,
  { aim, stopping }: StopContext,
): Stop[] {
  const { numReplicas: wanted, rollout } = desired;
  const step = stepOf(desired);
  const stops: Stop[] = [];
  const chosen = new Set<Member>();
  const stop = (member: Member, reason: string): void => {
    chosen.add(member);
    stops.push({ member, reason });
  };
  const left = (of: (member: Member) => boolean): number => {
    let count = 0;
    for (const member of members) if (!chosen.has(member) && of(member)) count++;
    return count;
  };

  for (const member of members) {
    const why = useless(member, aim);
    if (why !== undefined) stop(member, why); // invariant 2
  }

  const lastWait = latestWait(members);
  for (const member of members) {
    const { fresh, replica } = member;
    if (!aim.onTrial || fresh || chosen.has(member) || replica.phase.kind !== "PENDING_ALLOCATION") continue;
    if (replica.startedMs < lastWait) stop(member, `makes way for version ${shortVersion(aim.revision)}`); // invariant 4
  }

  let spareFresh = left(({ fresh }) => fresh) - wanted;
  let proven = left((member) => member.proven);
  for (const member of members) {
    if (spareFresh <= 0) break;
    if (!member.fresh || chosen.has(member)) continue;
    if (member.proven && proven <= wanted) break; // invariant 1
    stop(member, `scaled to ${wanted}`);
    spareFresh--;
    if (member.proven) proven--;
  }

  const waitingForRoom = left((member) => member.fresh && member.replica.phase.kind === "PENDING_ALLOCATION");
  let makeRoom = rollout.whenShort === "stop-old" ? Math.min(step, waitingForRoom) - stopping : 0;
  let capacity = left((member) => !isWaited(member));
  for (const member of members) {
    if (member.fresh || chosen.has(member)) continue;
    const spare = member.proven ? proven > wanted : capacity > wanted;
    const room = makeRoom > 0 && member.replica.phase.kind !== "PENDING_ALLOCATION";
    const above = member.proven ? proven > wanted - step : capacity > wanted - step;
    if (!spare && !(room && above)) continue; // invariant 1
    if (!spare) makeRoom--;
    stop(member, whyOld(member, desired, aim));
    capacity--;
    if (member.proven) proven--;
  }

  let tooMany = left(() => true) - wanted - step;
  for (const member of members) {
    if (tooMany <= 0) break;
    if (chosen.has(member) || !isWaited(member)) continue;
    stop(member, `scaled to ${wanted}`); // invariant 3
    tooMany--;
  }
  return stops;
}

/** When the last of the new ones that wait for room began to; never when none does. */
function latestWait(members: readonly Member[]): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const { fresh, replica } of members)
    if (fresh && replica.phase.kind === "PENDING_ALLOCATION") latest = Math.max(latest, replica.startedMs);
  return latest;
}

/** Fresh, and not to be counted on yet. */
function isWaited({ fresh, proven }: Member): boolean {
  return fresh && !proven;
}

function useless({ replica, serving, proven, trial, key, fresh }: Member, aim: Aim): string | undefined {
  const { heavy } = replica.revision.version;
  if (replica.leaving !== undefined && (!serving || trial)) return replica.leaving;
  const { revision, fallback } = aim;
  if (!serving && heavy !== revision.version.heavy && heavy !== fallback.version.heavy)
    return `version ${shortVersion(replica.revision)} is no longer wanted`;
  if (key === aim.failedKey && !proven && !(fresh && serving))
    return `version ${shortVersion(replica.revision)} failed`;
  return undefined;
}

function whyOld({ replica }: Member, { numReplicas }: DesiredDeployment, aim: Aim): string {
  if (replica.leaving !== undefined) return replica.leaving;
  const { heavy } = replica.revision.version;
  return heavy === aim.revision.version.heavy
    ? `scaled to ${numReplicas}`
    : `replaced by version ${shortVersion(aim.revision)}`;
}
