// What is known of one deployment's replicas, as `plan` sees it.
//
// 1. The effect of an action on this view is there before `plan` is asked again (see action.ts).
// 2. A replica that was told to stop leaves the view when it has ended; one that ended by itself stays, DEAD, until
//    `forget`.
// 3. What did not change is the same object as before: then nothing is computed.

import type { Memory } from "./memory.ts";
import type { Revision } from "./version.ts";

export type ReplicaPhase =
  /** It waits for room. `possible` is false when no node could ever hold it. */
  | { readonly kind: "PENDING_ALLOCATION"; readonly message: string; readonly possible: boolean }
  | { readonly kind: "STARTING" }
  /** Found running after the controller came back, and not asked yet. */
  | { readonly kind: "RECOVERING" }
  /** Loaded, warmed and well. `configuredMs` is when it was last reconfigured, else `sinceMs`. */
  | { readonly kind: "RUNNING"; readonly sinceMs: number; readonly configuredMs: number }
  /** It serves while it is reconfigured; its `revision` is still the one before. */
  | { readonly kind: "UPDATING"; readonly sinceMs: number }
  /** Its reconfigure failed; it serves with what it has until `retire` makes it RUNNING, but leaving. */
  | {
      readonly kind: "RECONFIGURE_FAILED";
      readonly sinceMs: number;
      readonly tried: Revision;
      readonly failure: FailureReport;
    }
  /** Its checks failed: it serves nobody. */
  | { readonly kind: "UNHEALTHY"; readonly sinceMs: number; readonly failure: FailureReport }
  | { readonly kind: "STOPPING" }
  /** It ended and was not told to; `sinceMs` is when it became RUNNING, undefined when it never did. */
  | { readonly kind: "DEAD"; readonly sinceMs: number | undefined; readonly failure: FailureReport };

export interface FailureReport {
  readonly atMs: number;
  /** What happened, for people, without internals. */
  readonly message: string;
  /** The last lines it logged. */
  readonly logLines: readonly string[];
  /** Another try would fail the same way, such as for a model file that is not there. */
  readonly permanent: boolean;
}

export interface ObservedReplica {
  readonly id: string;
  /** What it was started from, or last reconfigured to with success. */
  readonly revision: Revision;
  readonly startedMs: number;
  readonly phase: ReplicaPhase;
  /** Why it must be replaced although it serves: its node drains, its reconfigure failed. */
  readonly leaving?: string;
}

export interface ObservedDeployment {
  readonly replicas: readonly ObservedReplica[];
  /** What the last plan returned; `FIRST_MEMORY` at first. */
  readonly memory: Memory;
}

/** Whether it can take requests. */
export function serves({ phase }: ObservedReplica): boolean {
  return phase.kind === "RUNNING" || phase.kind === "UPDATING" || phase.kind === "RECONFIGURE_FAILED";
}

/** When it will have run long enough to be relied on; undefined while it does not run. */
export function provenAtMs({ phase }: ObservedReplica, minReadyMs: number): number | undefined {
  switch (phase.kind) {
    case "RUNNING":
    case "UPDATING":
    case "RECONFIGURE_FAILED":
      return phase.sinceMs + minReadyMs;
    case "PENDING_ALLOCATION":
    case "STARTING":
    case "RECOVERING":
    case "UNHEALTHY":
    case "STOPPING":
    case "DEAD":
      return undefined;
  }
}
