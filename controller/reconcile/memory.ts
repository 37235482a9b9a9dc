// What `plan` remembers of a deployment from one time to the next: plain data, which the store can keep.

import type { DesiredDeployment } from "./desired.ts";
import type { ReplicaFailure, Trouble } from "./trouble.ts";
import { keyOf, type Revision } from "./version.ts";

/** A version that was given up, and the deploy that asked for it. */
export interface FailedAttempt {
  readonly revision: Revision;
  readonly generation: number;
  readonly failures: number;
  readonly failure: ReplicaFailure;
}

/**
 * Where the deployment stands between versions. `good` is the last revision of which replicas have proven
 * themselves; what is wanted is `DesiredDeployment.revision`.
 *
 *   FIRST ──► STEADY ◄──► ROLLING ──► ROLLED_BACK ──► ROLLING | STEADY (the next deploy)
 *     └──► FAILED ──► FIRST (the next deploy)             any ◄──► DELETING
 */
export type Course =
  /** Nothing has ever proven itself. */
  | { readonly kind: "FIRST" }
  | { readonly kind: "STEADY"; readonly good: Revision }
  | { readonly kind: "ROLLING"; readonly good: Revision; readonly target: Revision }
  | { readonly kind: "ROLLED_BACK"; readonly good: Revision; readonly failed: FailedAttempt }
  | { readonly kind: "FAILED"; readonly failed: FailedAttempt }
  | { readonly kind: "DELETING"; readonly good: Revision | undefined };

/** What the last change of what is wanted set going; `settled` when all of it is there. */
export type Operation =
  | { readonly kind: "update" }
  | { readonly kind: "upscale" | "downscale"; readonly by: DesiredDeployment["scaledBy"] }
  | { readonly kind: "settled"; readonly after: "update" | "upscale" | "downscale" };

export interface Memory {
  readonly course: Course;
  readonly operation: Operation;
  /** By `keyOf`; only of the revisions that matter now. */
  readonly troubles: ReadonlyMap<string, Trouble>;
  /** The number of the next replica. */
  readonly nextReplica: number;
  /** What was wanted the last time. */
  readonly seen: { readonly key: string; readonly generation: number; readonly numReplicas: number };
  /** Of a replica of any version; for the status. */
  readonly lastFailure: ReplicaFailure | undefined;
}

const NO_TROUBLES: ReadonlyMap<string, Trouble> = new Map();

export const FIRST_MEMORY: Memory = {
  course: { kind: "FIRST" },
  operation: { kind: "update" },
  troubles: NO_TROUBLES,
  nextReplica: 0,
  seen: { key: "", generation: -1, numReplicas: 0 },
  lastFailure: undefined,
};

/** The part that outlives the server: times of its clock mean nothing to the next one. JSON keeps it. */
export type LastingMemory = Pick<Memory, "course" | "nextReplica">;

export function lastingPart({ course, nextReplica }: Memory): LastingMemory {
  return { course, nextReplica };
}

export function recover(lasting: LastingMemory): Memory {
  return { ...FIRST_MEMORY, ...lasting };
}

/**
 * Notes what changed in what is wanted; a version that is deployed, again or not, starts with a clean slate. The same
 * object when nothing did.
 */
export function withDesired(memory: Memory, desired: DesiredDeployment): Memory {
  const key = keyOf(desired.revision);
  const { numReplicas, generation, scaledBy } = desired;
  const { seen, operation, troubles } = memory;
  if (seen.key === key && seen.generation === generation && seen.numReplicas === numReplicas) return memory;
  const now = { key, generation, numReplicas };
  if (seen.key !== key || seen.generation !== generation)
    return { ...memory, seen: now, operation: { kind: "update" }, troubles: without(troubles, key) };
  if (operation.kind === "update") return { ...memory, seen: now };
  const kind = numReplicas > seen.numReplicas ? "upscale" : "downscale";
  return { ...memory, seen: now, operation: { kind, by: scaledBy } };
}

/** The same map when there is nothing to take out. */
export function without(troubles: Memory["troubles"], key: string): Memory["troubles"] {
  if (!troubles.has(key)) return troubles;
  const next = new Map(troubles);
  next.delete(key);
  return next;
}
