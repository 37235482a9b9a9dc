// What happened to the replicas since the last plan, turned into memory and into the actions that take note of it.
//
// 1. Each failure is counted once: its replica is forgotten, stopped or retired in the same plan.

import type { Action } from "./action.ts";
import { type Aim, aimOf } from "./aim.ts";
import type { DesiredDeployment } from "./desired.ts";
import type { Memory } from "./memory.ts";
import type { FailureReport, ObservedReplica } from "./observed.ts";
import { afterProof, type ReplicaFailure, type Trouble, withFailure } from "./trouble.ts";
import { keyOf, type Revision } from "./version.ts";

export interface Intake {
  readonly memory: Memory;
  readonly actions: readonly Action[];
  /** What lives, as it is once the actions are applied. */
  readonly living: readonly ObservedReplica[];
  readonly stopping: number;
}

interface Event {
  readonly failure: ReplicaFailure;
  readonly revision: Revision;
  readonly startedMs: number;
  readonly action: Action;
}

export function takeIn(
  replicas: readonly ObservedReplica[],
  memory: Memory,
  { desired, nowMs }: { readonly desired: DesiredDeployment; readonly nowMs: number },
): Intake {
  const actions: Action[] = [];
  const living: ObservedReplica[] = [];
  let stopping = 0;
  let { troubles, lastFailure } = memory;
  const aim = aimOf(memory.course, desired);

  for (const replica of replicas) {
    const event = eventOf(replica, nowMs);
    if (event === undefined) {
      if (replica.phase.kind === "STOPPING") stopping++;
      else living.push(replica);
      continue;
    }
    actions.push(event.action); // invariant 1
    if (event.action.kind === "stop") stopping++;
    else if (event.action.kind === "retire") living.push(retired(replica, event.action.reason));
    if (aim === undefined) continue;
    lastFailure = event.failure;
    troubles = withEvent(troubles, event, { aim, desired });
  }
  troubles = withProofs(troubles, living, { aim, desired, nowMs });
  const same = troubles === memory.troubles && lastFailure === memory.lastFailure;
  return { memory: same ? memory : { ...memory, troubles, lastFailure }, actions, living, stopping };
}

/** The failure that a replica's phase tells of, and what to do about the replica. */
function eventOf(replica: ObservedReplica, nowMs: number): Event | undefined {
  const { id, phase, revision, startedMs } = replica;
  const failed = (
    during: ReplicaFailure["during"],
    report: FailureReport,
    sinceMs: number | undefined,
  ): ReplicaFailure => ({
    ...report,
    replicaId: id,
    during,
    ranMs: sinceMs === undefined ? undefined : report.atMs - sinceMs,
  });
  switch (phase.kind) {
    case "DEAD": {
      const { failure: report, sinceMs } = phase;
      const failure = failed(sinceMs === undefined ? "start" : "run", report, sinceMs);
      return { failure, revision, startedMs, action: { kind: "forget", id, reason: report.message } };
    }
    case "UNHEALTHY": {
      const { failure: report, sinceMs } = phase;
      const action = { kind: "stop", id, graceMs: 0, reason: report.message } as const;
      return { failure: failed("check", report, sinceMs), revision, startedMs, action };
    }
    case "RECONFIGURE_FAILED": {
      const { failure: report, sinceMs, tried } = phase;
      const action = { kind: "retire", id, reason: `reconfigure failed: ${report.message}` } as const;
      return { failure: failed("reconfigure", report, sinceMs), revision: tried, startedMs, action };
    }
    case "PENDING_ALLOCATION": {
      if (phase.possible) return undefined;
      const report = { atMs: nowMs, message: phase.message, logLines: [], permanent: true };
      const action = { kind: "stop", id, graceMs: 0, reason: phase.message } as const;
      return { failure: failed("allocation", report, undefined), revision, startedMs, action };
    }
    case "STARTING":
    case "RECOVERING":
    case "RUNNING":
    case "UPDATING":
    case "STOPPING":
      return undefined;
  }
}

function retired(replica: ObservedReplica, leaving: string): ObservedReplica {
  const { phase } = replica;
  if (phase.kind !== "RECONFIGURE_FAILED") return replica;
  const { sinceMs } = phase;
  return { ...replica, leaving, phase: { kind: "RUNNING", sinceMs, configuredMs: sinceMs } };
}

type Troubles = Memory["troubles"];

function withEvent(
  troubles: Troubles,
  { failure, revision, startedMs }: Event,
  { aim, desired }: { readonly aim: Aim; readonly desired: DesiredDeployment },
): Troubles {
  const key = keyOf(revision);
  const onTrial = aim.onTrial && key === aim.key;
  const before = troubles.get(key);
  const after = withFailure(before, failure, {
    startedMs,
    minReadyMs: desired.rollout.minReadyMs,
    onTrial,
    spare: aim.good && key === aim.fallbackKey ? quickRestarts(desired) : 0,
  });
  return replaced(troubles, key, after);
}

function withProofs(
  troubles: Troubles,
  living: readonly ObservedReplica[],
  { aim, desired, nowMs }: { aim: Aim | undefined; desired: DesiredDeployment; nowMs: number },
): Troubles {
  if (aim === undefined || troubles.size === 0) return troubles;
  let now = troubles;
  for (const { phase, revision, startedMs } of living) {
    if (phase.kind !== "RUNNING") continue;
    const key = keyOf(revision);
    const trouble = now.get(key);
    if (trouble === undefined) continue;
    if (Math.max(phase.sinceMs, phase.configuredMs) + desired.rollout.minReadyMs > nowMs) continue;
    const reconfigured = phase.configuredMs > phase.sinceMs;
    const triedMs = reconfigured ? phase.configuredMs : startedMs;
    now = replaced(now, key, afterProof(trouble, triedMs, { onTrial: aim.onTrial && key === aim.key }));
  }
  return now;
}

function replaced(troubles: Troubles, key: string, trouble: Trouble | undefined): Troubles {
  if (troubles.get(key) === trouble) return troubles;
  const next = new Map(troubles);
  if (trouble === undefined) next.delete(key);
  else next.set(key, trouble);
  return next;
}

/**
 * Early deaths of a good version that are replaced at once. Something outside kills replicas, one a second say:
 * waiting would turn that into an outage, and each that survives `minReadyMs` starts the count afresh.
 */
function quickRestarts({ numReplicas }: DesiredDeployment): number {
  return Math.max(5, 3 * numReplicas);
}
