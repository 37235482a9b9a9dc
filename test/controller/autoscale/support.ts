// Snapshots to ask policies with, a load that is what a test says, and a service time that is known.

import type { LoadReading, ScalingSnapshot } from "../../../controller/autoscale/index.ts";
import type { ServiceTime, ServiceTimes } from "../../../controller/latency-model/index.ts";

/** A load that never changes. */
export interface FlatLoad {
  readonly rowsPerSecond?: number;
  readonly rowsPerRequest?: number;
  readonly ongoing?: number;
  readonly missedShare?: number;
  readonly missed?: number;
  readonly idleMs?: number;
  readonly dispersion?: number;
  /** Rows of whole seconds, newest first; default what `rowsPerSecond` makes in a minute. */
  readonly seconds?: readonly number[];
}

export function flatLoad(load: FlatLoad = {}): LoadReading {
  const { rowsPerSecond = 0, rowsPerRequest = 1, ongoing = 0 } = load;
  const seconds = load.seconds ?? Array.from({ length: 60 }, () => rowsPerSecond);
  return {
    rowsPerSecond: () => rowsPerSecond,
    requestsPerSecond: () => rowsPerSecond / rowsPerRequest,
    meanOngoing: () => ongoing,
    maxOngoing: () => ongoing,
    minOngoing: () => ongoing,
    missedShare: () => load.missedShare ?? 0,
    missed: load.missed ?? 0,
    idleMs: load.idleMs ?? 0,
    dispersion: load.dispersion ?? 1,
    eachSecond: (visit) => seconds.forEach((rows, n) => visit(rows, n + 1)),
  };
}

/** A service time known to the digit, told with a margin of five per cent. */
export function knownTimes({ fixedMs, perRowMs }: ServiceTime): ServiceTimes {
  const meanMs = (rows: number): number => fixedMs + perRowMs * rows;
  return {
    meanMs,
    predictMs: (rows) => 1.05 * meanMs(rows),
    maxRowsWithin: (budgetMs, limit) =>
      Math.max(0, Math.min(limit, Math.floor((budgetMs / 1.05 - fixedMs) / perRowMs + 1e-9))),
    noise: 0.05,
  };
}

export const UNKNOWN_TIMES: ServiceTimes = {
  meanMs: () => undefined,
  predictMs: () => undefined,
  maxRowsWithin: () => 0,
  noise: 0.1,
};

/** α 10 ms, β 0.5 ms: a GPU as in the reference. */
export const GPU = knownTimes({ fixedMs: 10, perRowMs: 0.5 });

export function snapshot(
  more: Partial<ScalingSnapshot> & { readonly flat?: FlatLoad } = {},
): ScalingSnapshot {
  const { flat, ...rest } = more;
  const nowMs = rest.nowMs ?? 1_000;
  return {
    nowMs,
    measuredMs: nowMs,
    bounds: { min: 1, max: 100 },
    target: 1,
    ready: rest.target ?? 1,
    starting: 0,
    queuedRequests: 0,
    queuedRows: 0,
    ongoingRequests: 0,
    ongoingRows: 0,
    load: flatLoad(flat),
    service: GPU,
    startUpMs: 10_000,
    maxBatchRows: 64,
    maxOngoingRequests: 1_000,
    ...rest,
  };
}
