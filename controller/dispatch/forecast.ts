// When a request that comes now would be answered: what the door goes by.
//
// 1. It costs no look at the queue, however long it is, and at no more than some `LOOKED_AT` replicas or batches.
// 2. Below overload it is the least to be hoped for, by the mean and with all replicas free as soon as the first: who has a chance
//    is let in.
// 3. At overload it is what will be decided when its turn comes: full batches, one after the other on the replicas as they
//    are free, and each wait by the plan. By the mean one in seven refusals came only after a wait.

import type { Arrivals } from "./arrivals.ts";
import type { Pace } from "./decide-in-time.ts";
import type { Place } from "./fair-band.ts";
import type { ArrivalMix } from "./mix.ts";
import { batchesAtOnce, type Claim, type DispatchPolicy, PRIORITIES } from "./policy.ts";
import { PASSES, type RequestQueue } from "./queue.ts";
import type { ServiceRecord } from "./service-record.ts";
import type { SlotPool } from "./slot-pool.ts";
import { stanceOf } from "./stance.ts";
import { type Throughput, throughputWithin } from "./throughput.ts";

/** Later ones are reckoned to be free at even intervals. */
const LOOKED_AT = 16;
/** A band that waits is next after so many batches of others. */
const LEAST_LEFT = 1 / (PASSES + 1);

/** The share of a tenant beside another one that does not wait just now. */
const ONE_OF_TWO = 0.5;

export interface ForecastParts {
  readonly queue: Pick<RequestQueue, "placeOf">;
  readonly pool: Pick<SlotPool, "usable" | "idle" | "ready" | "room" | "nextFree" | "nextToBeFree">;
  readonly service: ServiceRecord;
  readonly arrivals: Arrivals;
  readonly mix: ArrivalMix;
}

export interface Newcomer {
  readonly rows: number;
  readonly claim: Claim;
  readonly nowMs: number;
  readonly dueMs: number;
}

/** Milliseconds from now until it would be answered. */
export function forecastMs(parts: ForecastParts, policy: DispatchPolicy, newcomer: Newcomer): number {
  const { pool, queue } = parts;
  const { nowMs, dueMs, claim } = newcomer;
  const { pace, overloaded } = stanceOf(parts, policy, nowMs);
  const full = throughputWithin(pace, pool, { policy, withinMs: dueMs - nowMs });
  const place = queue.placeOf(claim);
  if (overloaded) return atOverloadMs(parts, newcomer, { policy, place, batch: full.batch, pace });
  return leastMs(parts, newcomer, { policy, place, full });
}

/** Who goes before it and itself, spread over all replicas from the first that is free on (invariant 2). */
function leastMs(
  { pool, service: { model } }: ForecastParts,
  { rows, nowMs }: Newcomer,
  {
    policy,
    place,
    full: { batch, runs },
  }: { readonly policy: DispatchPolicy; readonly place: Place; readonly full: Throughput },
): number {
  const own = place.own === 0 ? 0 : Math.min(place.own / place.share, place.own + place.beside);
  const all = Math.min(place.above, place.turnIn * batch) + own + rows;
  const open = policy.parallel === true ? pool.ready : pool.idle;
  const waitMs = open > 0 ? 0 : Math.max(0, (pool.nextFree?.freeAtMs ?? nowMs) - nowMs);
  const rounds = Math.floor(Math.max(0, all - 1) / (runs * batch)); // of full batches, before its own
  const last = Math.max(rows, Math.ceil(all / runs - rounds * batch));
  return waitMs + rounds * (model.meanMs(batch) ?? 0) + (model.meanMs(last) ?? 0);
}

interface Overload {
  readonly policy: DispatchPolicy;
  readonly place: Place;
  /** Rows of a full one. */
  readonly batch: number;
  readonly pace: Pace;
}

function atOverloadMs(
  { pool, service, mix }: ForecastParts,
  { rows, claim, nowMs }: Newcomer,
  { policy, place, batch, pace }: Overload,
): number {
  const { priority = "normal", tenant = "" } = claim;
  const band = PRIORITIES.indexOf(priority);
  // Runs that can be under way at once, of full batches.
  const beside = Math.min(batchesAtOnce(policy), Math.floor(policy.maxOngoingRequests / batch));
  const runs = Math.max(1, pool.usable * Math.max(1, beside));
  const everyMs = (service.model.meanMs(batch) ?? 1) / runs;
  const rowMs = everyMs / batch;
  // Of what the replicas do, the part that is left by those who come meanwhile and go before it.
  const left = Math.max(LEAST_LEFT, 1 - (mix.above(band, nowMs) * rowMs) / 1_000);
  const rest = 1 - (mix.beside(band, tenant, nowMs) * rowMs) / 1_000 / left;
  const own = Math.max(Math.min(place.share, ONE_OF_TWO), rest); // its share is its own, however much others ask for
  const ahead = Math.min((place.above + place.own / own) / left, place.turnIn * batch);

  const before = Math.floor((ahead + rows - 1) / batch);
  const freeMs = freeInMs(pool, { policy, place: before % runs, everyMs, nowMs });
  const waitMs = freeMs + Math.floor(before / runs) * runs * everyMs;
  // It goes with those of its own who wait, and with those who come meanwhile: a head is not kept for the sake of others.
  const company = (place.own % batch) + rows + (mix.of(band, tenant, nowMs) * waitMs) / 1_000;
  const runMs = pace.predictMs(Math.max(rows, Math.min(batch, company))) ?? 0;
  return waitMs * cautionOf(pace, batch) + runMs; // invariant 3
}

/** How long until one more than `place` runs could have begun (invariant 1). */
function freeInMs(
  pool: ForecastParts["pool"],
  {
    policy,
    place,
    everyMs,
    nowMs,
  }: {
    readonly policy: DispatchPolicy;
    readonly place: number;
    readonly everyMs: number;
    readonly nowMs: number;
  },
): number {
  const parallel = batchesAtOnce(policy) > 1;
  const busy = place - (parallel ? pool.room : pool.idle);
  if (busy < 0) return 0;
  const looked = Math.min(busy + 1, LOOKED_AT);
  const ends = parallel ? batchEnds(pool, looked) : pool.nextToBeFree(looked).map((slot) => slot.freeAtMs);
  const last = ends.at(-1) ?? nowMs;
  return Math.max(0, last - nowMs) + (busy + 1 - ends.length) * everyMs;
}

/** When the next so many of the batches that run beside each other should be done; of each replica it looks at the oldest. */
function batchEnds(pool: ForecastParts["pool"], count: number): readonly number[] {
  const slots = pool.nextToBeFree(count);
  const ofEach = Math.ceil((2 * LOOKED_AT) / Math.max(1, slots.length));
  const ends = slots.flatMap(({ batches }) => batches.slice(0, ofEach).map(({ endsAtMs }) => endsAtMs));
  return ends.sort((a, b) => a - b).slice(0, count);
}

/** What the plan adds to a batch's mean time, as a factor. */
function cautionOf(pace: Pace, rows: number): number {
  const meanMs = pace.meanMs(rows) ?? 0;
  return meanMs > 0 ? (pace.predictMs(rows) ?? meanMs) / meanMs : 1;
}
