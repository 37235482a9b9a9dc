// Who is let in: a request that the queue has no room for, or that cannot be answered in time, is refused at once and told
// when to come back. Reads, never changes.
//
// 1. A refusal costs no look at the queue, however long it is.
// 2. Nobody is refused for a guess while nothing is known, while there is no replica, or while nothing runs.

import { ShoalError } from "../../runtime/base/index.ts";
import type { Arrivals } from "./arrivals.ts";
import { forecastMs } from "./forecast.ts";
import type { ArrivalMix } from "./mix.ts";
import type { Claim, DispatchPolicy } from "./policy.ts";
import type { RequestQueue } from "./queue.ts";
import type { ServiceRecord } from "./service-record.ts";
import type { SlotPool } from "./slot-pool.ts";
import { stanceOf } from "./stance.ts";
import { throughputWithin } from "./throughput.ts";

/** A caller is never told to stay away for longer. */
const MAX_RETRY_AFTER_MS = 60_000;

export interface IntakeParts {
  readonly deployment: string;
  readonly queue: RequestQueue;
  readonly pool: SlotPool;
  readonly service: ServiceRecord;
  readonly arrivals: Arrivals;
  readonly mix: ArrivalMix;
}

export interface Asked {
  readonly rows: number;
  readonly dueMs: number;
  readonly nowMs: number;
}

export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** No room for one more with this claim; undefined when there is, if need be because another has to go. */
  noRoom(policy: DispatchPolicy, claim: Claim, nowMs: number): ShoalError | undefined {
    const { queue } = this.#parts;
    const most = policy.tenants?.maxQueuedRequests;
    if (most !== undefined) {
      const waiting = queue.requestsOf(claim.tenant ?? "");
      if (waiting >= most) {
        return this.#full(policy, nowMs, `${waiting} of its tenant wait already, wanted fewer than ${most}`);
      }
    }
    if (queue.length < policy.maxQueuedRequests || queue.victimOf(claim) !== undefined) return undefined;
    return this.#full(
      policy,
      nowMs,
      `${queue.length} wait already, wanted fewer than max_queued_requests ${policy.maxQueuedRequests}`,
    );
  }

  /** It would not be answered in time, by what is known; undefined when it might. */
  tooLate(policy: DispatchPolicy, claim: Claim, asked: Asked): ShoalError | undefined {
    const { pool, service, queue } = this.#parts;
    const { rows, dueMs, nowMs } = asked;
    if (dueMs === Number.POSITIVE_INFINITY || !service.known || pool.usable === 0) return undefined; // invariant 2
    if (pool.nextFree === undefined && queue.length === 0) return undefined;
    const inMs = forecastMs(this.#parts, policy, { rows, claim, nowMs, dueMs });
    if (nowMs + inMs <= dueMs || service.mayProbe(nowMs)) return undefined;
    return this.inVain(
      policy,
      nowMs,
      `it would take ${Math.ceil(inMs)} ms and has ${Math.max(0, Math.floor(dueMs - nowMs))}`,
    );
  }

  /** What a request is told that cannot be answered in time. */
  inVain(policy: DispatchPolicy, nowMs: number, why: string): ShoalError {
    return new ShoalError(
      "OVERLOADED",
      `Cannot answer a request on "${this.#parts.deployment}" in time: ${why}`,
      {
        retryAfterMs: this.#retryAfterMs(policy, nowMs),
      },
    );
  }

  /** What one is told who has to make room for another. */
  displaced(policy: DispatchPolicy, nowMs: number): ShoalError {
    return this.#full(policy, nowMs, "the queue is full, and others come before it");
  }

  #full(policy: DispatchPolicy, nowMs: number, why: string): ShoalError {
    return new ShoalError("QUEUE_FULL", `Cannot take a request for "${this.#parts.deployment}": ${why}`, {
      retryAfterMs: this.#retryAfterMs(policy, nowMs),
    });
  }

  /** Until what waits now is done, and longer the more arrives beyond what can be done. */
  #retryAfterMs(policy: DispatchPolicy, nowMs: number): number {
    const { queue, arrivals, pool, service } = this.#parts;
    const withinMs = policy.objectiveMs ?? Number.POSITIVE_INFINITY;
    const { pace } = stanceOf(this.#parts, policy, nowMs);
    const { rowMs } = throughputWithin(service.known ? pace : undefined, pool, { policy, withinMs });
    const load = Math.max(1, (arrivals.perSecondAt(nowMs) * rowMs) / 1_000);
    return Math.min(MAX_RETRY_AFTER_MS, Math.max(1, Math.ceil(queue.rows * rowMs * load)));
  }
}
