// One actor as the head follows it, and the rules of its queue. Pure but for the record it changes.
//
// 1. Calls of one process begin in the order in which they were submitted, unless the actor allows otherwise.

import type { ShoalError, Timer } from "../../base/index.ts";
import type { TaskSpec } from "../api/core.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { Lease, Ticket } from "../scheduling/index.ts";
import type { ActorOptionsData, ActorStatus, Id, MethodTable } from "../workers/messages.ts";
import type { TaskRecord } from "./task-record.ts";
import type { Worker } from "./worker.ts";

/** Ray's names; RESTARTING has Ray's two steps in one. */
export type ActorHeld =
  | { readonly kind: "DEPENDENCIES_UNREADY" }
  | { readonly kind: "PENDING_CREATION"; readonly ticket: Ticket }
  | {
      readonly kind: "CREATING";
      readonly worker: Worker;
      readonly lease: Lease;
      /** Kills it when it takes too long. */
      readonly startTimer: Timer | undefined;
    }
  | { readonly kind: "ALIVE"; readonly worker: Worker; readonly lease: Lease; readonly sinceMs: number }
  | { readonly kind: "RESTARTING"; readonly timer: Timer; readonly delayMs: number }
  | { readonly kind: "STOPPING"; readonly worker: Worker; readonly lease: Lease; readonly timer: Timer }
  | { readonly kind: "DEAD"; readonly error: ShoalError };

export interface ActorRecord {
  readonly id: Id;
  readonly label: string;
  readonly createdEpochMs: number;
  readonly creation: TaskSpec;
  readonly options: ActorOptionsData;
  readonly created: PromiseWithResolvers<MethodTable>;
  /** Resolves when it is dead. */
  readonly ended: PromiseWithResolvers<void>;
  held: ActorHeld;
  /** `held` as it was told. */
  status: ActorStatus;
  methods: MethodTable;
  restarts: number;
  /** Restarts in a row without a stable time between them. */
  streak: number;
  incarnation: number;
  /** Calls that were not sent yet, in the order of their submission. */
  readonly queue: TaskRecord[];
  /** Calls submitted and not over. */
  pending: number;
  /** Calls that were sent by their callers to the process it has, and lost: its end is to be heard of. */
  orphans: TaskRecord[];
  /** What the end of its last process meant for calls. */
  lastLoss: ShoalError | undefined;
  /** Why its process was ended by us. */
  intent: { readonly noRestart: boolean; readonly reason: ExitReason } | undefined;
  /** Whether the arguments of its creation are held for another one. */
  holdsArguments: boolean;
}

/** Of a new actor. */
export const UNREADY: ActorStatus = {
  state: "DEPENDENCIES_UNREADY",
  reason: "waits for its arguments",
  incarnation: 1,
  pid: undefined,
  nodeId: undefined,
};
/** Of one that has no record. */
export const FORGOTTEN: ActorStatus = {
  state: "DEAD",
  reason: "nothing is known of it any more",
  incarnation: 0,
  pid: undefined,
  nodeId: undefined,
};

/** Takes out of the queue the calls that may be sent now (invariant 1). */
export function takeSendable(record: ActorRecord): TaskRecord[] {
  const { queue, options } = record;
  const sendable: TaskRecord[] = [];
  const held = new Set<number>();
  let kept = 0;
  for (const call of queue) {
    const mayGo = call.missing === 0 && (options.allowOutOfOrderExecution || !held.has(call.submitter.index));
    if (mayGo) sendable.push(call);
    else {
      held.add(call.submitter.index);
      queue[kept++] = call;
    }
  }
  queue.length = kept;
  return sendable;
}
