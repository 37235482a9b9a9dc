// What N replicas that take one request at a time get through when none may wait long: M/D/c by Erlang's C and the
// Allen-Cunneen tail. For models that gain nothing from batching and objectives too tight for a batch.

/** Beyond so many the load per replica changes little; a larger pool is taken to be as good as this one. */
const LARGEST_POOL = 64;
const STEPS = 30;

export interface PoolLimits {
  /** Service time of one request. */
  readonly serviceMs: number;
  /** Longest wait that is still in time. */
  readonly waitMs: number;
  /** Share of requests that may wait longer. */
  readonly lateShare: number;
  /** Squared coefficient of variation of the time between arrivals: 1 for Poisson. */
  readonly arrivalScv: number;
  /** The same of the service time. */
  readonly serviceScv: number;
}

/** Probability that a request waits at all, with `servers` and `offered` erlangs. */
export function erlangC(servers: number, offered: number): number {
  if (offered >= servers) return 1;
  let blocked = 1;
  for (let n = 1; n <= servers; n++) blocked = (offered * blocked) / (n + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

/** Most requests per second of which no more than `lateShare` wait longer than `waitMs`; 0 when that is none. */
export function pooledCapacity(replicas: number, limits: PoolLimits): number {
  const servers = Math.min(replicas, LARGEST_POOL);
  if (servers < 1 || limits.waitMs < 0) return 0;
  let [low, high] = [0, servers];
  for (let step = 0; step < STEPS; step++) {
    const offered = (low + high) / 2;
    if (lateShare(servers, offered, limits) <= limits.lateShare) low = offered;
    else high = offered;
  }
  return (low / limits.serviceMs) * 1_000 * (replicas / servers);
}

function lateShare(servers: number, offered: number, limits: PoolLimits): number {
  const waits = limits.waitMs / limits.serviceMs;
  const decay = (2 * (servers - offered) * waits) / (limits.arrivalScv + limits.serviceScv);
  return erlangC(servers, offered) * Math.exp(-decay);
}
