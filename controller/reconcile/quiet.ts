// Replicas of a version on trial that get no requests yet.
//
// 1. A request that may not run again is not risked on a process that may die of itself right after its start: for half
//    of `min_ready_s` a new version's replicas get none. In the other half they must do well with requests.
// 2. Somebody else serves meanwhile; when nobody does, no replica is held back.

import type { ObservedDeployment, ObservedReplica } from "./observed.ts";
import { serves } from "./observed.ts";
import type { Course } from "./memory.ts";

export interface QuietContext {
  readonly minReadyMs: number;
  readonly nowMs: number;
}

/** Their ids. */
export function quietReplicas(
  { replicas, memory }: ObservedDeployment,
  { minReadyMs, nowMs }: QuietContext,
): ReadonlySet<string> {
  const quiet = replicas.filter(
    (replica) => (voiceAtMs(replica, memory.course, minReadyMs) ?? nowMs) > nowMs,
  );
  const others = replicas.filter((replica) => serves(replica) && !quiet.includes(replica));
  return new Set(others.length === 0 ? [] : quiet.map(({ id }) => id)); // invariant 2
}

/** When the next of them gets requests; infinite when none waits for that. */
export function nextVoiceMs(
  living: readonly ObservedReplica[],
  course: Course,
  { minReadyMs, nowMs }: QuietContext,
): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const replica of living) {
    const atMs = voiceAtMs(replica, course, minReadyMs);
    if (atMs !== undefined && atMs > nowMs) nextMs = Math.min(nextMs, atMs);
  }
  return nextMs;
}

/** Invariant 1; undefined for one that is of no version on trial, or does not run. */
function voiceAtMs(
  { phase, revision }: ObservedReplica,
  course: Course,
  minReadyMs: number,
): number | undefined {
  if (course.kind !== "ROLLING" || phase.kind !== "RUNNING") return undefined;
  const { heavy } = revision.version;
  if (heavy !== course.target.version.heavy || heavy === course.good.version.heavy) return undefined;
  return phase.sinceMs + minReadyMs / 2;
}
