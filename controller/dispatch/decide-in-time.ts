// What to do with the head of the queue where there is an objective: the smallest sufficient batch. A function of what is
// known and the time: no I/O, no clock. After `scheduling.md` §8.1.
//
// 1. A batch is as large as demand and backlog need, and no larger than its head survives. Where batching does not pay,
//    requests are spread.
// 2. What cannot be in time is shed, and so is a head for whose sake a batch would be so small that others are late:
//    that is what keeps goodput at overload. Below it those others must be there, and have the time that the larger
//    batch takes: those of a burst all have as little as its head, and who sheds one after the other serves nobody.
// 3. Waiting for company is bounded: by what the head can spare, and by the next time a replica would be free anyway.
// 4. With half of the replicas idle, and for what can have no company, the wait is zero.
// 5. The plan is a guess, so nobody is shed for it alone: while nobody else waits a request that has a chance is tried, and
//    once a second one that seems to have none.

import type { Decision, SlotView } from "./decide.ts";

/** What is known of how long a batch takes; `LatencyModel` is one. */
export interface Pace {
  /** Undefined while nothing is known. */
  meanMs(rows: number): number | undefined;
  predictMs(rows: number): number | undefined;
  maxRowsWithin(budgetMs: number, limit: number): number;
  sufficientRows(rowsPerSecond: number, replicas: number, limit: number): number;
  batchingGain(limit: number): number;
}

export interface TimedHead {
  readonly rows: number;
  /** Rows that could go in one batch with it, itself included. */
  readonly alike: number;
  /** The same of its own tenant and priority: it is not shed for the sake of others. */
  readonly peers: number;
  /** Whether so many of those rows need not be answered before `untilMs`. */
  readonly hasPeersUntil: (untilMs: number, rows: number) => boolean;
  readonly queuedMs: number;
  /** By when it is to be answered; infinite for any time. */
  readonly limitMs: number;
  readonly alone: boolean;
  readonly suspect: boolean;
}

export interface TimedSlot extends SlotView {
  readonly freeAtMs: number;
  /** How many times as long as others it takes. */
  speedAt(nowMs: number): number;
}

export interface TimedPool<S> {
  readonly best: S | undefined;
  /** Runs that could begin now, and those that could be under way at once. */
  readonly idle: number;
  readonly capacity: number;
  /** When the next that is busy now is free; infinite when none is busy. */
  readonly nextFreeMs: number;
  /** A batch may be sent so long before its replica is free; 0 for not at all. */
  readonly leadMs: number;
  /** A batch beside another at a replica does not wait for it. */
  readonly parallel: boolean;
}

export interface TimedCase {
  readonly nowMs: number;
  readonly maxBatchSize: number;
  readonly maxOngoingRequests: number;
  /** From arrival to answer. */
  readonly objectiveMs: number;
  readonly pace: Pace;
  /** Rows per second that arrive. */
  readonly arrivals: number;
  /** Share of the wanted throughput below which a head is shed for the others. */
  readonly gate: number;
  /** More comes than can be done. */
  readonly overloaded: boolean;
  /** Nothing was observed of late (invariant 5). */
  readonly mayProbe: boolean;
}

export type TimedDecision<S> =
  | Decision<S>
  /** Drop the head: it cannot be in time, or only at the cost of more who could. */
  | { readonly kind: "shed" };

const FULL = { kind: "full" } as const;
const SHED = { kind: "shed" } as const;
const ARRIVALS_HEAD_ROOM = 1.1;
/** Gain of a full batch over single rows below which batching does not pay. */
export const BATCHING_PAYS = 1.15;
/** A batch must gain so much to be waited for; at overload anything, since enough comes. */
const WORTH_WAITING = 1.1;
/** Kept free of a head's time when it waits: timers are late. */
const TIMER_MS = 2;

export function decideInTime<S extends TimedSlot>(
  head: TimedHead,
  pool: TimedPool<S>,
  known: TimedCase,
): TimedDecision<S> {
  const { best, leadMs } = pool;
  const { nowMs, maxBatchSize, pace } = known;
  if (best === undefined || (head.suspect && best.ongoingBatches > 0)) return FULL;
  const idle = pool.parallel || best.ongoingBatches === 0;
  if (!idle && leadMs <= 0) return FULL;
  if (!idle && best.freeAtMs - nowMs > leadMs) return { kind: "wait", untilMs: best.freeAtMs - leadMs };
  // One that should be done by now is not sure to be done soon.
  const startMs = idle ? nowMs : Math.max(nowMs + leadMs, best.freeAtMs);
  const requests = known.maxOngoingRequests - best.ongoingRequests;
  const send = (rows: number, why: "sufficient" | "deadline" | "shared" | "waited"): TimedDecision<S> => ({
    kind: "send",
    slot: best,
    rows: Math.max(rows, head.rows),
    requests,
    why,
  });

  const speed = best.speedAt(nowMs);
  const budgetMs = (head.limitMs - startMs) / speed;
  const most =
    budgetMs === Number.POSITIVE_INFINITY ? maxBatchSize : pace.maxRowsWithin(budgetMs, maxBatchSize);
  if (most < head.rows) {
    if (speed > 1 && pool.capacity > 1 && pool.nextFreeMs < head.limitMs) return FULL; // a faster one may still do it
    const hasChance = (pace.meanMs(head.rows) ?? 0) <= budgetMs && head.alike <= Math.max(1, pool.idle);
    return hasChance || known.mayProbe ? send(head.rows, "deadline") : SHED; // invariants 2 and 5
  }

  const pays = pace.batchingGain(maxBatchSize) >= BATCHING_PAYS;
  // No more than what a request that has just come could be in: who wants more sheds everybody.
  const longestMs = known.objectiveMs / (1 + 1 / pool.capacity);
  const batchable = pays ? Math.max(1, pace.maxRowsWithin(longestMs, maxBatchSize)) : 1;
  const needed = pace.sufficientRows(ARRIVALS_HEAD_ROOM * known.arrivals, pool.capacity, batchable);
  const { alike } = head;
  const want = Math.min(needed, head.alone ? head.rows : head.peers);
  if (pays && most < want && throughput(pace, most) < known.gate * throughput(pace, want)) {
    const untilMs = startMs + speed * (pace.predictMs(want) ?? 0);
    if (known.overloaded || head.hasPeersUntil(untilMs, want)) return SHED; // invariant 2
  }

  const cap = Math.min(alike, most);
  const spareS = Math.max(1, head.limitMs - nowMs) / 1_000;
  const backlog = known.arrivals + Math.max(0, alike - pool.idle) / spareS;
  const forBacklog = pace.sufficientRows(backlog, pool.capacity, batchable);
  const share = pool.idle > 1 ? Math.ceil(alike / pool.idle) : 1;
  let rows = Math.min(cap, Math.max(needed, forBacklog, share));
  if (pool.idle <= 1) rows = Math.max(rows, Math.min(cap, worthJoining(pace, pool.nextFreeMs - startMs)));

  const lone = head.alone || maxBatchSize === 1;
  if (!lone && alike < needed && alike < maxBatchSize && 2 * pool.idle < pool.capacity) {
    const company = pace.meanMs(needed) ?? 0;
    const worth = known.overloaded ? 1 : WORTH_WAITING;
    if (throughput(pace, needed) > worth * throughput(pace, alike)) {
      const spareMs = head.limitMs - speed * (pace.predictMs(alike + 1) ?? 0) - TIMER_MS;
      const untilMs = Math.min(spareMs, head.queuedMs + company / pool.capacity); // invariant 3
      if (nowMs < untilMs) return { kind: "wait", untilMs };
      return send(rows, "waited");
    }
  }
  if (rows === most && most < Math.min(alike, maxBatchSize)) return send(rows, "deadline");
  return send(rows, share > 1 && rows === share ? "shared" : "sufficient");
}

/**
 * The most rows of a batch that one more had better join: each of b others is delayed by β, the newcomer would otherwise
 * wait for the next free replica, or for this batch, and run alone.
 */
function worthJoining(pace: Pace, nextFreeMs: number): number {
  const one = pace.meanMs(1) ?? 0;
  const perRow = (pace.meanMs(2) ?? 0) - one;
  if (perRow <= 0) return Number.POSITIVE_INFINITY;
  const fixed = one - perRow;
  return 1 + Math.floor(Math.min(fixed / perRow, Math.max(0, nextFreeMs) / (2 * perRow)));
}

/** Rows per millisecond of one replica in batches of this size. */
export function throughput(pace: Pace, rows: number): number {
  const ms = pace.meanMs(rows) ?? 0;
  return ms > 0 ? rows / ms : 0;
}
