// Asks the decisions: puts together what they need to know of the head of the queue, the replicas and what was learnt, and
// says what to do next. Changes nothing.

import type { Arrivals } from "./arrivals.ts";
import { decide, type Decision } from "./decide.ts";
import { decideInTime, type TimedDecision } from "./decide-in-time.ts";
import type { Entry } from "./entry.ts";
import { batchesAtOnce, type DispatchPolicy } from "./policy.ts";
import type { RequestQueue } from "./queue.ts";
import type { ServiceRecord } from "./service-record.ts";
import type { SlotPool } from "./slot-pool.ts";
import type { Slot } from "./slot.ts";
import { stanceOf } from "./stance.ts";

export interface PlannerParts {
  readonly queue: RequestQueue;
  readonly pool: SlotPool;
  readonly service: ServiceRecord;
  readonly arrivals: Arrivals;
}

export interface Moment {
  readonly policy: DispatchPolicy;
  readonly nowMs: number;
  /** By when the head is to be answered. */
  readonly limitMs: number;
}

export function planNext(
  head: Entry,
  parts: PlannerParts,
  { policy, nowMs, limitMs }: Moment,
): TimedDecision<Slot> {
  const { queue, pool, service, arrivals } = parts;
  const alike = queue.rowsLike(head);
  if (policy.objectiveMs === undefined || !service.known || head.work.kind === "fetch") {
    const waiting = {
      headRows: alike,
      headQueuedMs: head.queuedMs,
      headAlone: head.alone,
      headSuspect: head.suspect,
    };
    const decision = decide(waiting, pool, { policy, nowMs });
    return isHopeless(decision, { service, nowMs, limitMs, head }) ? { kind: "shed" } : decision;
  }
  const parallel = policy.parallel === true;
  const { alone, suspect, rows, queuedMs } = head;
  return decideInTime(
    {
      rows,
      alike,
      peers: head.lane?.rows ?? rows,
      hasPeersUntil: (untilMs, wanted) => queue.hasPeersUntil(head, untilMs, wanted),
      queuedMs,
      limitMs,
      alone,
      suspect,
    },
    {
      best: isFree(pool.best) || parallel ? pool.best : readyNext(pool),
      idle: parallel ? pool.ready : pool.idle,
      capacity: Math.max(1, pool.usable * batchesAtOnce(policy)),
      nextFreeMs: pool.nextFree?.freeAtMs ?? Number.POSITIVE_INFINITY,
      leadMs: policy.maxConcurrentBatches > 1 ? service.leadMs(Math.min(alike, policy.maxBatchSize)) : 0,
      parallel,
    },
    {
      nowMs,
      maxBatchSize: policy.maxBatchSize,
      maxOngoingRequests: policy.maxOngoingRequests,
      objectiveMs: service.objectiveMs(policy.objectiveMs),
      ...stanceOf(parts, policy, nowMs),
      arrivals: arrivals.perSecondAt(nowMs),
      mayProbe: service.mayProbe(nowMs),
    },
  );
}

/** When a batch of so many rows should be done that is sent to a slot now. */
export function expectedEndMs(
  slot: Slot,
  { service }: Pick<PlannerParts, "service">,
  { rows, nowMs, parallel }: { readonly rows: number; readonly nowMs: number; readonly parallel: boolean },
): number {
  const beginMs = parallel || slot.ongoingBatches === 0 ? nowMs : Math.max(nowMs, slot.freeAtMs);
  return beginMs + (service.model.meanMs(rows) ?? 0) * slot.speedAt(nowMs);
}

/** Without an objective only what is surely too late, by the mean, is not run. */
function isHopeless(
  decision: Decision<Slot>,
  { service, nowMs, limitMs, head }: { service: ServiceRecord; nowMs: number; limitMs: number; head: Entry },
): boolean {
  if (decision.kind !== "send" || limitMs === Number.POSITIVE_INFINITY || head.work.kind === "fetch")
    return false;
  return nowMs + (service.model.meanMs(head.rows) ?? 0) > limitMs && !service.mayProbe(nowMs);
}

function isFree(slot: Slot | undefined): boolean {
  return slot?.ongoingBatches === 0;
}

/** The busy one that is free next, where it may have another batch already. */
function readyNext({ nextFree, best }: SlotPool): Slot | undefined {
  return nextFree !== undefined && nextFree.readyIndex >= 0 && nextFree.ongoingBatches === 1
    ? nextFree
    : best;
}
