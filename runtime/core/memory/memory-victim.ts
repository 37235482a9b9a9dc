// Which worker is to die when memory runs out, and how long its task waits before it is tried again. Pure.
//
// Ray's time-based policy (src/ray/common/memory_monitor, worker_killing_policy): the work that began last is lost
// first, since least of it is lost.
//
// 1. A worker that runs nothing is never chosen, nor one whose end would free next to nothing.
// 2. What can be tried again goes before what cannot; actors without restarts go last of the rest, and what is essential after everybody.
// 3. Of what is equal so far, it comes from an owner who keeps other work, as long as there is one.

import { type BackoffPolicy, backoffMs } from "../head/restart-policy.ts";

export interface MemoryWork {
  readonly kind: "task" | "actor";
  /** For messages: the task's or the actor's name. */
  readonly name: string;
  /** Who submitted it: a worker or the driver. */
  readonly ownerId: string;
  /** When this attempt or incarnation began, in milliseconds of the monitor's clock (`nowMs`). */
  readonly startedMs: number;
  /** Retries on running out of memory, or restarts, are left. */
  readonly retriable: boolean;
  /** Others stand on it. */
  readonly essential: boolean;
}

export interface MemoryWorker {
  readonly workerId: string;
  readonly pid: number;
  /** Undefined when it is idle. */
  readonly work: MemoryWork | undefined;
}

export interface MeasuredWorker extends MemoryWorker {
  /** Private memory; undefined where the platform does not tell. */
  readonly bytes: number | undefined;
}

export interface Victim {
  readonly worker: MeasuredWorker;
  readonly work: MemoryWork;
  /** How long the work ran. */
  readonly ranMs: number;
}

/** A worker below this share of the largest frees next to nothing. */
const INNOCENT_RATIO = 0.05;

/** Ray's pace for what ran out of memory: 1 s doubling to 60 s, without end. */
const OOM_BACKOFF: BackoffPolicy = { initialMs: 1_000, maxMs: 60_000, factor: 2, stableMs: 0 };

/** The pause before a task that was killed for memory is tried again; `kills` is how often it was, from 1. */
export function oomRetryDelayMs(kills: number): number {
  return backoffMs(OOM_BACKOFF, Math.max(0, kills - 1));
}

/** The worker to kill; undefined when there is none whose end would help. */
export function pickVictim(workers: readonly MeasuredWorker[], nowMs: number): Victim | undefined {
  const busy = workers.flatMap((worker) =>
    worker.work === undefined ? [] : [{ worker, work: worker.work }],
  );
  // Invariant 1.
  const worthBytes = INNOCENT_RATIO * Math.max(0, ...busy.map(({ worker }) => worker.bytes ?? 0));
  const guilty = busy.filter(({ worker: { bytes } }) => bytes === undefined || bytes >= worthBytes);
  const owned = new Map<string, number>();
  for (const { work } of busy) owned.set(work.ownerId, (owned.get(work.ownerId) ?? 0) + 1);
  const [first] = guilty
    .map((candidate) => ({
      ...candidate,
      rank: rankOf(candidate.work),
      keepsOther: (owned.get(candidate.work.ownerId) ?? 0) > 1,
    }))
    .sort(
      (left, right) =>
        // Invariants 2 and 3, then the last begun; the id makes it the same choice every time.
        left.rank - right.rank ||
        Number(right.keepsOther) - Number(left.keepsOther) ||
        right.work.startedMs - left.work.startedMs ||
        (left.worker.workerId < right.worker.workerId ? -1 : 1),
    );
  if (first === undefined) return undefined;
  return { worker: first.worker, work: first.work, ranMs: Math.max(0, nowMs - first.work.startedMs) };
}

/** Invariant 2. */
function rankOf({ kind, retriable, essential }: MemoryWork): number {
  return (essential ? 4 : 0) + (retriable ? 0 : 2) + (kind === "task" ? 0 : 1);
}
