// The one place where a deployment's course changes, each time with its reason. See memory.ts for the states.
//
// 1. A version becomes the good one by replicas that have proven themselves, never by being asked for.
// 2. A version that was given up is tried again only by another deploy.

import { type DesiredDeployment, stepOf } from "./desired.ts";
import type { Course, FailedAttempt, Memory } from "./memory.ts";
import { type ObservedReplica, provenAtMs, serves } from "./observed.ts";
import { allowedFailures, describeFailure, isHopeless } from "./trouble.ts";
import { keyOf, type Revision, shortVersion } from "./version.ts";

export interface Transition {
  readonly from: Course;
  readonly to: Course;
  readonly reason: string;
}

/** Replicas that live: not dead, not stopping. */
type Living = readonly ObservedReplica[];

/** The next change of course, if one is due; asked again until none is. */
export function nextCourse(
  { course, troubles }: Pick<Memory, "course" | "troubles">,
  desired: DesiredDeployment,
  { living, nowMs }: { readonly living: Living; readonly nowMs: number },
): Transition | undefined {
  const to = (next: Course, reason: string): Transition => ({ from: course, to: next, reason });
  const { revision: target, rollout } = desired;
  const key = keyOf(target);
  if (desired.deleting)
    return course.kind === "DELETING" ? undefined : to({ kind: "DELETING", good: goodOf(course) }, "deleted");

  switch (course.kind) {
    case "DELETING": {
      const { good } = course;
      return to(good === undefined ? { kind: "FIRST" } : { kind: "STEADY", good }, "wanted again");
    }
    case "FIRST": {
      const proven = living.find((replica) => isProven(replica, rollout.minReadyMs, nowMs));
      if (proven !== undefined)
        return to({ kind: "STEADY", good: proven.revision }, `replica "${proven.id}" has proven itself`); // 1
      const failed = attemptOf(target, { desired, troubles, atATime: desired.numReplicas });
      // What serves, of whatever version, may yet prove itself.
      if (failed === undefined || living.some(serves)) return undefined;
      return to({ kind: "FAILED", failed }, describeAttempt(failed));
    }
    case "STEADY": {
      const { good } = course;
      if (keyOf(good) !== key) return to({ kind: "ROLLING", good, target }, change(good, target));
      if (good.version.light !== target.version.light)
        return to({ kind: "STEADY", good: target }, "light change");
      return undefined;
    }
    case "ROLLING": {
      const { good } = course;
      if (keyOf(good) === key) return to({ kind: "STEADY", good: target }, change(course.target, target));
      if (!sameRevision(course.target, target))
        return to({ kind: "ROLLING", good, target }, change(course.target, target));
      const failed = attemptOf(target, { desired, troubles, atATime: stepOf(desired) });
      if (failed !== undefined) return to({ kind: "ROLLED_BACK", good, failed }, describeAttempt(failed));
      if (!isComplete(living, desired, nowMs)) return undefined;
      return to({ kind: "STEADY", good: target }, `${desired.numReplicas} replicas have proven themselves`);
    }
    case "ROLLED_BACK": {
      const { good, failed } = course;
      if (isSameAttempt(failed, desired)) return undefined; // invariant 2
      if (keyOf(good) === key) return to({ kind: "STEADY", good: target }, "the last good version is wanted");
      return to({ kind: "ROLLING", good, target }, change(good, target));
    }
    case "FAILED":
      return isSameAttempt(course.failed, desired) ? undefined : to({ kind: "FIRST" }, "deployed again");
  }
}

/** The last good revision, if there is one. */
export function goodOf(course: Course): Revision | undefined {
  return course.kind === "FIRST" || course.kind === "FAILED" ? undefined : course.good;
}

/** "replica x died …; 4 failures", for people. */
export function describeAttempt({ revision, failures, failure }: FailedAttempt): string {
  const times = failures === 1 ? "" : `; ${failures} failures`;
  return `version ${shortVersion(revision)} failed: ${describeFailure(failure)}${times}`;
}

export function isProven(replica: ObservedReplica, minReadyMs: number, nowMs: number): boolean {
  const atMs = provenAtMs(replica, minReadyMs);
  return atMs !== undefined && atMs <= nowMs;
}

/** Every replica is of the target, there are as many as wanted, and each has been well with it for long enough. */
function isComplete(living: Living, desired: DesiredDeployment, nowMs: number): boolean {
  const { numReplicas, rollout, revision } = desired;
  if (numReplicas === 0 || living.length !== numReplicas) return false;
  const key = keyOf(revision);
  return living.every(
    ({ phase, revision: has, leaving }) =>
      phase.kind === "RUNNING" &&
      leaving === undefined &&
      keyOf(has) === key &&
      Math.max(phase.sinceMs, phase.configuredMs) + rollout.minReadyMs <= nowMs,
  );
}

interface AttemptContext {
  readonly desired: DesiredDeployment;
  readonly troubles: Memory["troubles"];
  readonly atATime: number;
}

/** The failed attempt, when there were failures enough to give the target up. */
function attemptOf(
  revision: Revision,
  { desired, troubles, atATime }: AttemptContext,
): FailedAttempt | undefined {
  const trouble = troubles.get(keyOf(revision));
  const allowed = allowedFailures(desired.revision.config.maxConstructorRetryCount, atATime);
  if (trouble === undefined || !isHopeless(trouble, allowed)) return undefined;
  const { generation } = desired;
  return { revision, generation, failures: trouble.failures, failure: trouble.last };
}

function isSameAttempt({ revision, generation }: FailedAttempt, desired: DesiredDeployment): boolean {
  return generation === desired.generation && keyOf(revision) === keyOf(desired.revision);
}

function sameRevision(a: Revision, b: Revision): boolean {
  return keyOf(a) === keyOf(b) && a.version.light === b.version.light;
}

function change(from: Revision, to: Revision): string {
  return `version ${shortVersion(from)} → ${shortVersion(to)}`;
}
