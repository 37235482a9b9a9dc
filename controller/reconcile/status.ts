// What can be said of a deployment: Ray Serve's states and triggers, with a reason for people.
//
// 1. HEALTHY is said only when the wanted number of replicas runs, all of the wanted version, and nothing is under way.
// 2. DEPLOY_FAILED says that what was asked for failed; whether the deployment serves is `takesRequests`.

import { type DesiredDeployment, stepOf } from "./desired.ts";
import { describeAttempt, goodOf, isProven } from "./course.ts";
import type { Memory, Operation } from "./memory.ts";
import { type ObservedReplica, serves } from "./observed.ts";
import {
  allowedFailures,
  describeFailure,
  isHopeless,
  type ReplicaFailure,
  type Trouble,
} from "./trouble.ts";
import { keyOf, shortVersion } from "./version.ts";

/** Ray Serve's deployment states. */
export type DeploymentState =
  | "UPDATING"
  | "UPSCALING"
  | "DOWNSCALING"
  | "HEALTHY"
  | "UNHEALTHY"
  | "DEPLOY_FAILED";

/**
 * What brought the state about: Ray Serve's names, and of ours ROLLED_BACK, INSUFFICIENT_RESOURCES, and REPLACING_REPLICAS for
 * what runs and is replaced one by one, as when a node drains.
 */
export type StatusTrigger =
  | "CONFIG_UPDATE_STARTED"
  | "CONFIG_UPDATE_COMPLETED"
  | "UPSCALE_COMPLETED"
  | "DOWNSCALE_COMPLETED"
  | "AUTOSCALING"
  | "REPLICA_STARTUP_FAILED"
  | "HEALTH_CHECK_FAILED"
  | "INSUFFICIENT_RESOURCES"
  | "ROLLED_BACK"
  | "REPLACING_REPLICAS"
  | "DELETING";

/** Ray Serve's replica states, and PENDING_ALLOCATION of its start-up statuses. */
export const REPLICA_STATES = [
  "PENDING_ALLOCATION",
  "STARTING",
  "RECOVERING",
  "RUNNING",
  "UPDATING",
  "STOPPING",
] as const;

export type ReplicaStateName = (typeof REPLICA_STATES)[number];

export interface PlannedStatus {
  readonly state: DeploymentState;
  readonly trigger: StatusTrigger;
  /** Why; empty when healthy. For people, without internals. */
  readonly message: string;
  readonly targetReplicas: number;
  readonly replicas: Readonly<Record<ReplicaStateName, number>>;
  /** At least one replica serves, or one may yet: requests may wait. When false, refuse them at once. */
  readonly takesRequests: boolean;
  /** For people; of what is in charge (see `Planned.serving`) and of what is wanted. */
  readonly versions: { readonly serving: string | undefined; readonly wanted: string };
  /** While two versions are side by side, or a reconfigure goes round. */
  readonly rollout:
    | { readonly proven: number; readonly failures: number; readonly allowedFailures: number }
    | undefined;
  /** The one that the message tells of, with its last log lines; undefined when healthy. */
  readonly failure: ReplicaFailure | undefined;
}

export interface StatusContext {
  readonly desired: DesiredDeployment;
  /** What lives, and what is still stopping. */
  readonly replicas: readonly ObservedReplica[];
  readonly nowMs: number;
}

/** The status, and the operation once it has been noted whether all is there. */
export function describe(
  memory: Memory,
  context: StatusContext,
): { readonly status: PlannedStatus; readonly operation: Operation } {
  const { desired, replicas } = context;
  const { course } = memory;
  const counts = countOf(replicas);
  const running = replicas.filter(serves).length;
  const settled = isSettled(memory, context);
  const operation: Operation =
    settled && memory.operation.kind !== "settled"
      ? { kind: "settled", after: memory.operation.kind }
      : memory.operation;
  const said = stateOf({ ...memory, operation }, { ...context, running, settled });
  const serving = goodOf(course);
  const status = {
    ...said,
    targetReplicas: desired.deleting ? 0 : desired.numReplicas,
    replicas: counts,
    takesRequests:
      !desired.deleting && (running > 0 || said.state !== "DEPLOY_FAILED" || isComingBack(memory, desired)),
    versions: {
      serving: serving === undefined ? undefined : shortVersion(serving),
      wanted: shortVersion(desired.revision),
    },
    rollout: rolloutOf(memory, context),
  };
  return { status, operation };
}

/** What was asked for has failed; the last good version is being started, as after a restart of the server. */
function isComingBack({ course, troubles }: Memory, desired: DesiredDeployment): boolean {
  if (course.kind !== "ROLLED_BACK") return false;
  const allowed = allowedFailures(desired.revision.config.maxConstructorRetryCount, desired.numReplicas);
  return !isHopeless(troubles.get(keyOf(course.good)), allowed);
}

interface Said {
  readonly state: DeploymentState;
  readonly trigger: StatusTrigger;
  readonly message: string;
  readonly failure: ReplicaFailure | undefined;
}

function stateOf(
  memory: Memory,
  {
    desired,
    replicas,
    running,
    settled,
  }: StatusContext & { readonly running: number; readonly settled: boolean },
): Said {
  const { course, operation } = memory;
  const wanted = desired.numReplicas;
  const count = `${running} of ${wanted} replicas run`;
  if (desired.deleting) {
    const message = `${replicas.length} replicas left`;
    return { state: "UPDATING", trigger: "DELETING", message, failure: undefined };
  }
  if (course.kind === "FAILED") {
    const { failed } = course;
    const trigger =
      failed.failure.during === "allocation" ? "INSUFFICIENT_RESOURCES" : "REPLICA_STARTUP_FAILED";
    return { state: "DEPLOY_FAILED", trigger, message: describeAttempt(failed), failure: failed.failure };
  }
  if (course.kind === "ROLLED_BACK") {
    const { failed, good } = course;
    const message = `${describeAttempt(failed)}; rolled back to ${shortVersion(good)}, ${count}`;
    return { state: "DEPLOY_FAILED", trigger: "ROLLED_BACK", message, failure: failed.failure };
  }
  if (settled) {
    return { state: "HEALTHY", trigger: completed(operation), message: "", failure: undefined };
  }
  const trouble = troubleOf(memory, desired);
  const waiting = waitingMessage(replicas);
  const leaving = leavingMessage(replicas);
  const isSteady = operation.kind === "settled";
  // Nothing is missing and nothing failed: somebody wants replicas elsewhere, or others.
  const isReplacing = isSteady && trouble === undefined && leaving.length > 0 && running >= wanted;
  const failure = trouble?.last ?? (isSteady && !isReplacing ? memory.lastFailure : undefined);
  const message = [
    count,
    ...(failure === undefined ? [] : [describeFailure(failure)]),
    ...waiting,
    ...besideMessage(memory, desired, waiting.length > 0 && running > 0),
    ...leaving,
  ].join("; ");
  const why = triggerOf(failure, waiting);
  const allowed = allowedFailures(desired.revision.config.maxConstructorRetryCount, Math.max(1, wanted));
  if (course.kind === "STEADY" && running === 0 && wanted > 0 && isHopeless(trouble, allowed))
    return { state: "DEPLOY_FAILED", trigger: why ?? "REPLICA_STARTUP_FAILED", message, failure };
  switch (operation.kind) {
    case "update":
      return { state: "UPDATING", trigger: why ?? "CONFIG_UPDATE_STARTED", message, failure };
    case "upscale":
    case "downscale": {
      if (trouble !== undefined)
        return { state: "UNHEALTHY", trigger: why ?? "HEALTH_CHECK_FAILED", message, failure };
      const trigger = operation.by === "autoscaler" ? "AUTOSCALING" : "CONFIG_UPDATE_STARTED";
      const state = operation.kind === "upscale" ? "UPSCALING" : "DOWNSCALING";
      return { state, trigger: why ?? trigger, message, failure };
    }
    case "settled":
      if (isReplacing) return { state: "UPDATING", trigger: why ?? "REPLACING_REPLICAS", message, failure };
      return { state: "UNHEALTHY", trigger: why ?? "HEALTH_CHECK_FAILED", message, failure };
  }
}

/** Invariant 1. */
function isSettled({ course, operation }: Memory, { desired, replicas }: StatusContext): boolean {
  const { numReplicas, deleting } = desired;
  if (deleting || course.kind === "FAILED" || course.kind === "ROLLED_BACK") return false;
  const key = keyOf(desired.revision);
  let running = 0;
  for (const { phase, revision, leaving } of replicas) {
    if (phase.kind === "STOPPING") {
      // What is replaced or removed is part of the operation; what was killed is not.
      if (operation.kind !== "settled") return false;
      continue;
    }
    if (phase.kind !== "RUNNING" || leaving !== undefined || keyOf(revision) !== key) return false;
    running++;
  }
  // At zero replicas a version cannot prove itself; it does when there is one.
  if (course.kind === "ROLLING" && numReplicas > 0) return false;
  return running === numReplicas;
}

function completed(operation: Operation): StatusTrigger {
  if (operation.kind !== "settled") return "CONFIG_UPDATE_COMPLETED";
  switch (operation.after) {
    case "update":
      return "CONFIG_UPDATE_COMPLETED";
    case "upscale":
      return "UPSCALE_COMPLETED";
    case "downscale":
      return "DOWNSCALE_COMPLETED";
  }
}

function triggerOf(
  failure: ReplicaFailure | undefined,
  waiting: readonly string[],
): StatusTrigger | undefined {
  switch (failure?.during) {
    case undefined:
      return waiting.length > 0 ? "INSUFFICIENT_RESOURCES" : undefined;
    case "allocation":
      return "INSUFFICIENT_RESOURCES";
    case "start":
    case "reconfigure":
      return "REPLICA_STARTUP_FAILED";
    case "run":
    case "check":
      return "HEALTH_CHECK_FAILED";
  }
}

/** Of the wanted version first: that is what somebody waits for. */
function troubleOf({ course, troubles }: Memory, { revision }: DesiredDeployment): Trouble | undefined {
  const good = goodOf(course);
  return troubles.get(keyOf(revision)) ?? (good === undefined ? undefined : troubles.get(keyOf(good)));
}

/** Each reason once. */
function waitingMessage(replicas: readonly ObservedReplica[]): string[] {
  const messages = replicas.flatMap(({ phase }) =>
    phase.kind === "PENDING_ALLOCATION" && phase.message !== "" ? [phase.message] : [],
  );
  return [...new Set(messages)];
}

/** What whoever looks on a rollout without room can do about it. */
function besideMessage({ course }: Memory, { rollout }: DesiredDeployment, isShort: boolean): string[] {
  if (!isShort || rollout.whenShort !== "wait" || course.kind !== "ROLLING") return [];
  if (course.good.version.heavy === course.target.version.heavy) return [];
  return ["the old ones keep theirs until then (rolling_update_when_short: wait)"];
}

function leavingMessage(replicas: readonly ObservedReplica[]): string[] {
  return replicas.flatMap(({ id, leaving }) =>
    leaving === undefined ? [] : [`replica "${id}" is replaced: ${leaving}`],
  );
}

function rolloutOf(
  { course, troubles }: Memory,
  { desired, replicas, nowMs }: StatusContext,
): PlannedStatus["rollout"] {
  if (course.kind !== "ROLLING") return undefined;
  const key = keyOf(course.target);
  const { minReadyMs } = desired.rollout;
  return {
    proven: replicas.filter(
      (replica) => keyOf(replica.revision) === key && isProven(replica, minReadyMs, nowMs),
    ).length,
    failures: troubles.get(key)?.failures ?? 0,
    allowedFailures: allowedFailures(desired.revision.config.maxConstructorRetryCount, stepOf(desired)),
  };
}

function countOf(replicas: readonly ObservedReplica[]): Record<ReplicaStateName, number> {
  const counts = { PENDING_ALLOCATION: 0, STARTING: 0, RECOVERING: 0, RUNNING: 0, UPDATING: 0, STOPPING: 0 };
  for (const { phase } of replicas) {
    const name = stateNameOf(phase.kind);
    if (name !== undefined) counts[name]++;
  }
  return counts;
}

/** Undefined for one that is dead. */
function stateNameOf(kind: ObservedReplica["phase"]["kind"]): ReplicaStateName | undefined {
  if (kind === "DEAD") return undefined;
  if (kind === "UNHEALTHY") return "STOPPING";
  return kind === "RECONFIGURE_FAILED" ? "RUNNING" : kind;
}
