// Rows per second that N replicas may be given, by N, for one decision; and the smallest N for a demand.
//
// 1. More replicas never have less capacity, so the smallest N is found by halving.
// 2. A replica that runs several batches beside each other counts as so many that run one.
// 3. An objective that one row alone cannot meet does not stop anything: capacity is then that of the nearest objective
//    that can be, and `missesObjective` says so.

import { batchCapacity, feasibleRows, type ServiceTimes, singleCapacity } from "../../latency-model/index.ts";

/** Erlang's C already leaves room for chance; this is room for error. */
const SINGLE_HEAD_ROOM = 0.95;
/** The stand-in for an objective below the time of one row, in such times. */
const NEAREST_OBJECTIVE = 3;

export interface CurveOptions {
  readonly service: ServiceTimes;
  readonly objectiveMs: number;
  readonly maxBatchRows: number;
  readonly overheadMs: number;
  readonly gateways: number;
  /** Of one replica, beside each other. Default 1. */
  readonly batchesAtOnce?: number;
  /** Share of the capacity in batches that demand may take up. */
  readonly headRoom: number;
  /** Share of requests that may be late. */
  readonly lateShare: number;
  /** Burstiness of arrivals, 1 for Poisson. */
  readonly arrivalScv: number;
}

interface Capacity {
  readonly full: number;
  readonly usable: number;
}

export class CapacityCurve {
  readonly #options: CurveOptions;
  readonly #known = new Map<number, Capacity>();
  /** What is planned with: the objective, or the nearest that can be met (invariant 3). */
  readonly objectiveMs: number;
  readonly missesObjective: boolean;

  constructor(options: CurveOptions) {
    const single = (options.service.predictMs(1) ?? 0) + options.overheadMs;
    this.missesObjective = single > options.objectiveMs;
    this.objectiveMs = this.missesObjective ? NEAREST_OBJECTIVE * single : options.objectiveMs;
    this.#options = { ...options, objectiveMs: this.objectiveMs };
  }

  get headRoom(): number {
    return this.#options.headRoom;
  }

  /** How long a request may wait in a queue before `replicas` that run full batches, and be in time. */
  spareMs(replicas: number): number {
    const {
      service,
      objectiveMs,
      maxBatchRows: maxRows,
      overheadMs,
      gateways,
      batchesAtOnce = 1,
    } = this.#options;
    const servers = Math.max(1, replicas) * batchesAtOnce;
    const rows = feasibleRows(service, { replicas: servers, objectiveMs, maxRows, overheadMs, gateways });
    // A batch, and the wait for the next replica that is free, which capacity has reckoned with.
    const takenMs = (1 + Math.min(gateways, servers) / servers) * (service.predictMs(Math.max(1, rows)) ?? 0);
    return Math.max(0, objectiveMs - overheadMs - takenMs);
  }

  /** All that `replicas` get through in time. */
  full(replicas: number): number {
    return this.#at(replicas).full;
  }

  /** The part of it that demand may take up. */
  usable(replicas: number): number {
    return this.#at(replicas).usable;
  }

  /** Fewest replicas whose usable capacity is `rowsPerSecond`; `max` when none up to there is enough. */
  smallest(rowsPerSecond: number, max: number): number {
    return this.smallestWhere((replicas) => this.usable(replicas) >= rowsPerSecond, max);
  }

  /** Fewest replicas for which `enough`, which must stay true for more (invariant 1); `max` when for none below. */
  smallestWhere(enough: (replicas: number) => boolean, max: number): number {
    let [low, high] = [0, Math.max(0, max)];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (enough(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #at(replicas: number): Capacity {
    const known = this.#known.get(replicas);
    if (known !== undefined) return known;
    const capacity = replicas < 1 ? { full: 0, usable: 0 } : this.#compute(replicas);
    this.#known.set(replicas, capacity);
    return capacity;
  }

  #compute(replicas: number): Capacity {
    const { service, objectiveMs, maxBatchRows: maxRows, overheadMs, gateways } = this.#options;
    const { headRoom, lateShare, arrivalScv, batchesAtOnce = 1 } = this.#options;
    const servers = replicas * batchesAtOnce; // invariant 2
    const options = { replicas: servers, objectiveMs, maxRows, overheadMs, gateways };
    const batched = batchCapacity(service, options);
    const oneByOne = (servers * 1_000) / (service.meanMs(1) ?? Infinity);
    // A batch of one cannot take in what comes together: only Erlang's C knows what that costs.
    const inBatches = batched > oneByOne * 1.001 ? batched : 0;
    if (headRoom * inBatches >= SINGLE_HEAD_ROOM * oneByOne)
      return { full: inBatches, usable: headRoom * inBatches };
    const single = singleCapacity(service, options, {
      lateShare,
      arrivalScv,
      serviceScv: service.noise ** 2,
    });
    return {
      full: Math.max(inBatches, single),
      usable: Math.max(headRoom * inBatches, SINGLE_HEAD_ROOM * single),
    };
  }
}
