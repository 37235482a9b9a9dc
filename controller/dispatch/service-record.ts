// What was learnt of a deployment's replicas: how long batches take, and what the way there and back adds.
//
// 1. A batch's time is from when its replica could begin it, sent or done with the last one, to its answer: what planning is
//    about. It is never less than what the replica says it took.
// 2. A slow replica among faster ones is its own matter; when most are slow, it is the model that changed.
// 3. A batch that was given up after longer than it should have taken says that its replica is slow: otherwise one that never
//    answers in time, whose every request is rescued by a copy, would be the first choice for ever.

import { LatencyModel } from "../latency-model/index.ts";
import type { Batch } from "./batch.ts";
import { SLOW, type Slot } from "./slot.ts";
import type { SlotPool } from "./slot-pool.ts";

const HOP_RATE = 0.05;
/** Longer than that it is no hop but a busy process. */
const MAX_HOP_MS = 5;
/** Batches before anything is planned: the first ones say little of sizes not seen. */
const LEARNT_AFTER = 8;
/** A hop below this share of a batch's time is not worth hiding. */
const WORTH_HIDING = 0.03;
/** Without an observation for so long, one request that seems to have no chance is tried. */
const PROBE_MS = 1_000;
/** An objective below the time of one row cannot be met: it is taken for so many times that. */
const UNATTAINABLE = 3;

export class ServiceRecord {
  readonly model = new LatencyModel();
  #hopMs = 0;
  #observedMs = Number.NEGATIVE_INFINITY;

  /** Whether enough is known to plan with. */
  get known(): boolean {
    return this.model.observations >= LEARNT_AFTER;
  }

  /**
   * A batch was answered at `nowMs`; `computeNs` is what the replica says it took. Gives its time as a share of what was
   * expected; undefined when nothing was.
   */
  observe(batch: Batch, { slot, pool, computeNs, nowMs, parallel }: Observation): number | undefined {
    const computeMs = computeNs / 1e6;
    const wasIdle = slot.answeredMs <= batch.sentMs;
    const sinceMs = parallel ? batch.sentMs : Math.max(batch.sentMs, slot.answeredMs);
    const tookMs = Math.max(nowMs - sinceMs, computeMs); // invariant 1
    slot.answeredMs = nowMs;
    if (batch.rows < 1 || !(tookMs > 0)) return undefined;
    this.#observedMs = nowMs;
    if (wasIdle)
      this.#hopMs += HOP_RATE * (Math.min(MAX_HOP_MS, nowMs - batch.sentMs - computeMs) - this.#hopMs);
    const expected = this.model.meanMs(batch.rows);
    const share = expected === undefined ? undefined : tookMs / expected;
    const known = this.known;
    pool.ran(slot, share ?? 1);
    if (slot.slowness === 0 || pool.mostAreSlow) this.model.observe(batch.rows, tookMs); // invariant 2
    return known && !pool.mostAreSlow ? share : undefined;
  }

  /** Nobody waits any more for a batch that was not answered. Gives what `observe` does, when it was too slow (invariant 3). */
  gaveUp(batch: Batch, { slot, pool, nowMs, parallel }: Omit<Observation, "computeNs">): number | undefined {
    const expected = this.model.meanMs(batch.rows);
    if (!this.known || expected === undefined || !(expected > 0)) return undefined;
    const sinceMs = parallel ? batch.sentMs : Math.max(batch.sentMs, slot.answeredMs);
    const share = (nowMs - sinceMs) / expected;
    if (share < SLOW) return undefined;
    pool.ran(slot, share);
    return pool.mostAreSlow ? undefined : share;
  }

  /** How long before a replica is free its next batch should be sent, so that it need not wait; 0: not before. */
  leadMs(rows: number): number {
    const ms = this.model.meanMs(rows) ?? 0;
    return this.#hopMs > WORTH_HIDING * ms ? Math.max(1, this.#hopMs) : 0;
  }

  /** Whether something that seems hopeless should be tried, lest a wrong guess stay. */
  mayProbe(nowMs: number): boolean {
    return nowMs - this.#observedMs >= PROBE_MS;
  }

  /** The objective to plan with: the given one, unless one row alone takes longer. */
  objectiveMs(objectiveMs: number): number {
    const oneRow = this.model.predictMs(1);
    return oneRow === undefined || oneRow <= objectiveMs ? objectiveMs : UNATTAINABLE * oneRow;
  }
}

export interface Observation {
  readonly slot: Slot;
  readonly pool: SlotPool;
  readonly computeNs: number;
  readonly nowMs: number;
  readonly parallel: boolean;
}
