// What to do about one deployment now: a function of what is wanted, what is there, and the time.
//
// 1. Planned again with nothing changed, it asks for nothing and remembers the same: `memory` is the same object.
// 2. Nothing here waits, reads or starts anything; whoever calls applies the actions and keeps the memory.

import type { Action } from "./action.ts";
import { aimOf } from "./aim.ts";
import { takeCensus } from "./census.ts";
import { goodOf, nextCourse, type Transition } from "./course.ts";
import type { DesiredDeployment } from "./desired.ts";
import { takeIn } from "./intake.ts";
import { type Memory, withDesired, without } from "./memory.ts";
import { type ObservedDeployment, type ObservedReplica, serves } from "./observed.ts";
import { nextVoiceMs } from "./quiet.ts";
import { chooseStarts } from "./starts.ts";
import { describe, type PlannedStatus } from "./status.ts";
import { chooseStops } from "./stops.ts";
import { keyOf, type Revision } from "./version.ts";

export interface Planned {
  readonly actions: readonly Action[];
  /** Kept and given back with the next observation. */
  readonly memory: Memory;
  /** With the actions applied. */
  readonly status: PlannedStatus;
  /** When to plan again if nothing happens before; infinite when only an event can change anything. */
  readonly wakeAtMs: number;
  /** Changes of course, for the log and the history. */
  readonly transitions: readonly Transition[];
  /**
   * Whose light settings hold for the whole deployment, such as batching and limits: the last good revision until
   * another has taken its place.
   */
  readonly serving: Revision;
  /** It is deleted and nothing of it is left. */
  readonly gone: boolean;
}

export function plan(desired: DesiredDeployment, observed: ObservedDeployment, nowMs: number): Planned {
  const { replicas } = observed;
  const intake = takeIn(replicas, withDesired(observed.memory, desired), { desired, nowMs });
  const { living } = intake;
  const { memory: steered, transitions } = steer(intake.memory, desired, { living, nowMs });

  const moves =
    aimOf(steered.course, desired) === undefined
      ? stopAll(living, steered, desired)
      : move(living, steered, { desired, nowMs, stopping: intake.stopping });
  const actions =
    intake.actions.length === 0 ? moves.actions : [...unlessStopped(intake.actions, moves), ...moves.actions];
  const after = actions.length === 0 ? replicas : withActions(replicas, actions, { living, nowMs });

  const { status, operation } = describe(steered, { desired, replicas: after, nowMs });
  const nextReplica = steered.nextReplica + moves.started;
  const same = operation === steered.operation && nextReplica === steered.nextReplica;
  return {
    actions,
    memory: same ? steered : { ...steered, operation, nextReplica }, // invariant 1
    status,
    wakeAtMs: Math.min(
      moves.heldUntilMs,
      nextProofMs(living, desired, nowMs),
      nextVoiceMs(living, steered.course, { minReadyMs: desired.rollout.minReadyMs, nowMs }),
    ),
    transitions,
    serving: goodOf(steered.course) ?? desired.revision,
    gone: desired.deleting && after.length === 0,
  };
}

/** Follows the course as far as it goes now. */
function steer(
  memory: Memory,
  desired: DesiredDeployment,
  context: { readonly living: readonly ObservedReplica[]; readonly nowMs: number },
): { readonly memory: Memory; readonly transitions: readonly Transition[] } {
  const transitions: Transition[] = [];
  let { course } = memory;
  for (;;) {
    const transition = nextCourse({ course, troubles: memory.troubles }, desired, context);
    if (transition === undefined) break;
    transitions.push(transition);
    course = transition.to;
  }
  const troubles = pruned(memory.troubles, [goodOf(course), desired.revision]);
  const same = course === memory.course && troubles === memory.troubles;
  return { memory: same ? memory : { ...memory, course, troubles }, transitions };
}

interface Moves {
  readonly actions: readonly Action[];
  readonly started: number;
  readonly heldUntilMs: number;
}

interface MoveContext {
  readonly desired: DesiredDeployment;
  readonly nowMs: number;
  readonly stopping: number;
}

function move(living: readonly ObservedReplica[], memory: Memory, context: MoveContext): Moves {
  const { desired, nowMs } = context;
  const aim = aimOf(memory.course, desired);
  if (aim === undefined) return NO_MOVES;
  const { minReadyMs } = desired.rollout;
  const members = takeCensus(living, { aim, minReadyMs, nowMs });
  const stops = chooseStops(members, desired, { aim, stopping: context.stopping });
  const stopped = new Set(stops.map(({ member }) => member));
  const { starts, reconfigures, heldUntilMs } = chooseStarts(
    stops.length === 0 ? members : members.filter((member) => !stopped.has(member)),
    desired,
    { aim, troubles: memory.troubles, nowMs, stopping: context.stopping + stops.length },
  );
  if (stops.length + starts.length + reconfigures.length === 0) return { ...NO_MOVES, heldUntilMs };
  return {
    actions: [
      ...stops.map(({ member, reason }) => stopOf(member.replica, graceOf(memory, desired), reason)),
      ...starts.map(({ revision, reason }, index): Action => {
        const id = `${desired.name}#${memory.nextReplica + index}`;
        return { kind: "start", id, revision, reason };
      }),
      ...reconfigures.map(({ id }): Action => {
        return { kind: "reconfigure", id, revision: aim.revision, reason: "user_config changed" };
      }),
    ],
    started: starts.length,
    heldUntilMs,
  };
}

/** A replica that is stopped need not be retired first. */
function unlessStopped(actions: readonly Action[], moves: Moves): readonly Action[] {
  const stopped = new Set(moves.actions.flatMap(({ kind, id }) => (kind === "stop" ? [id] : [])));
  return actions.filter(({ kind, id }) => kind !== "retire" || !stopped.has(id));
}

const NO_MOVES: Moves = { actions: [], started: 0, heldUntilMs: Number.POSITIVE_INFINITY };

function stopAll(living: readonly ObservedReplica[], memory: Memory, desired: DesiredDeployment): Moves {
  const reason = desired.deleting ? "deleted" : "the deployment failed";
  const graceMs = graceOf(memory, desired);
  return { ...NO_MOVES, actions: living.map((replica) => stopOf(replica, graceMs, reason)) };
}

function stopOf(replica: ObservedReplica, graceMs: number, reason: string): Action {
  return { kind: "stop", id: replica.id, graceMs: serves(replica) ? graceMs : 0, reason };
}

function graceOf({ course }: Memory, { revision }: DesiredDeployment): number {
  return (goodOf(course) ?? revision).config.gracefulShutdownTimeoutMs;
}

/** The view of the replicas with the actions applied, as far as the status needs it. */
function withActions(
  replicas: readonly ObservedReplica[],
  actions: readonly Action[],
  { living, nowMs }: { readonly living: readonly ObservedReplica[]; readonly nowMs: number },
): readonly ObservedReplica[] {
  const after = new Map<string, ObservedReplica>();
  for (const replica of replicas) after.set(replica.id, replica);
  for (const replica of living) after.set(replica.id, replica);
  for (const action of actions) {
    const replica = after.get(action.id);
    if (action.kind === "start") {
      const { id, revision } = action;
      after.set(id, { id, revision, startedMs: nowMs, phase: { kind: "STARTING" } });
    } else if (action.kind === "forget") after.delete(action.id);
    else if (replica === undefined) continue;
    else if (action.kind === "stop") after.set(action.id, { ...replica, phase: { kind: "STOPPING" } });
    else if (action.kind === "reconfigure")
      after.set(action.id, { ...replica, phase: { kind: "UPDATING", sinceMs: nowMs } });
  }
  return [...after.values()];
}

/** When the next replica will have proven itself. */
function nextProofMs(
  living: readonly ObservedReplica[],
  { rollout }: DesiredDeployment,
  nowMs: number,
): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { phase } of living) {
    if (phase.kind !== "RUNNING" && phase.kind !== "UPDATING") continue;
    const sinceMs = phase.kind === "RUNNING" ? Math.max(phase.sinceMs, phase.configuredMs) : phase.sinceMs;
    const atMs = sinceMs + rollout.minReadyMs;
    if (atMs > nowMs) nextMs = Math.min(nextMs, atMs);
  }
  return nextMs;
}

function pruned(troubles: Memory["troubles"], kept: readonly (Revision | undefined)[]): Memory["troubles"] {
  if (troubles.size === 0) return troubles;
  const keys = new Set(kept.flatMap((revision) => (revision === undefined ? [] : [keyOf(revision)])));
  const gone = [...troubles.keys()].filter((key) => !keys.has(key));
  return gone.reduce(without, troubles);
}
