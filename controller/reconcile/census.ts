// A deployment's replicas, told apart by what they are worth to where it heads.

import type { Aim } from "./aim.ts";
import { type ObservedReplica, provenAtMs, serves } from "./observed.ts";
import { keyOf } from "./version.ts";

export interface Member {
  readonly replica: ObservedReplica;
  readonly key: string;
  /** Of the processes that are wanted in the end, and not leaving; a reconfigure may still be due. */
  readonly fresh: boolean;
  readonly serving: boolean;
  /** Has run and been well for long enough to be relied on. */
  readonly proven: boolean;
  /** Of a version on trial and not proven: never counted on. */
  readonly trial: boolean;
}

export interface CensusContext {
  readonly aim: Aim;
  readonly minReadyMs: number;
  readonly nowMs: number;
}

/** Of replicas that live, neither dead nor stopping. The least harmful to stop stands first. */
export function takeCensus(
  living: readonly ObservedReplica[],
  { aim, minReadyMs, nowMs }: CensusContext,
): Member[] {
  const members: Member[] = [];
  for (const replica of living) {
    const key = keyOf(replica.revision);
    const provenMs = provenAtMs(replica, minReadyMs);
    const proven = provenMs !== undefined && provenMs <= nowMs;
    members.push({
      replica,
      key,
      fresh: replica.revision.version.heavy === aim.revision.version.heavy && replica.leaving === undefined,
      serving: serves(replica),
      proven,
      trial: aim.onTrial && key === aim.key && !proven,
    });
  }
  return members.sort(byHarm);
}

/** Not yet running first, then what has not proven itself, then old versions, then the youngest. */
function byHarm(a: Member, b: Member): number {
  return (
    worth(a) - worth(b) ||
    Number(a.fresh) - Number(b.fresh) ||
    b.replica.startedMs - a.replica.startedMs ||
    (a.replica.id < b.replica.id ? 1 : -1)
  );
}

function worth({ replica, serving, proven }: Member): number {
  const { kind } = replica.phase;
  if (proven) return 4;
  if (serving) return 3;
  if (kind === "RECOVERING") return 2;
  return kind === "STARTING" ? 1 : 0;
}
