// A deployment as a fluid, in virtual time: arrivals at a rate, replicas that get through what they get through in
// time, replicas that take a while to start. Coarse on purpose: it tests the counting of replicas, not batching.

import {
  type AutoscalingPolicy,
  initialReplicas,
  LoadTracker,
  type ReplicaBounds,
} from "../../../controller/autoscale/index.ts";
import {
  batchCapacity,
  feasibleRows,
  LatencyModel,
  type ServiceTime,
} from "../../../controller/latency-model/index.ts";
import { knownTimes } from "./support.ts";

const TICK_MS = 50;
const DECIDE_MS = 500;

export interface PlantOptions {
  readonly policy: AutoscalingPolicy;
  /** Rows per second at a time in seconds. */
  readonly rate: (second: number) => number;
  readonly seconds: number;
  readonly service: ServiceTime;
  /** From `second` on everything takes `factor` times as long. */
  readonly slower?: { readonly second: number; readonly factor: number };
  readonly objectiveMs: number;
  readonly maxBatchRows: number;
  readonly startUpMs: number;
  readonly bounds: ReplicaBounds;
  /** Uniform in 0 to 1. */
  readonly random: () => number;
}

export interface Moment {
  readonly second: number;
  readonly rate: number;
  readonly target: number;
  readonly ready: number;
  /** Fewest replicas that get through the rate. */
  readonly needed: number;
  readonly missed: number;
  readonly arrived: number;
}

/** Every half second. */
export function runPlant(options: PlantOptions): Moment[] {
  const { policy, rate, service, objectiveMs, maxBatchRows, startUpMs, bounds, random } = options;
  let truth = knownTimes(service);
  const capacities = new Map<number, number>();
  const capacity = (replicas: number): number => {
    let known = capacities.get(replicas);
    if (known === undefined) {
      known = batchCapacity(truth, { replicas, objectiveMs, maxRows: maxBatchRows });
      capacities.set(replicas, known);
    }
    return known;
  };
  const tracker = new LoadTracker();
  const model = new LatencyModel();
  const moments: Moment[] = [];
  let target = initialReplicas(bounds);
  let [ready, queue, owed, missed, arrived] = [target, 0, 0, 0, 0];
  let starting: number[] = [];
  for (let nowMs = TICK_MS; nowMs <= options.seconds * 1_000; nowMs += TICK_MS) {
    const second = (nowMs - TICK_MS) / 1_000;
    if (options.slower !== undefined && second === options.slower.second) {
      const { factor } = options.slower;
      truth = knownTimes({ fixedMs: factor * service.fixedMs, perRowMs: factor * service.perRowMs });
      capacities.clear();
    }
    starting = starting.filter((readyMs) => {
      if (readyMs > nowMs) return true;
      ready++;
      return false;
    });
    owed += (rate(second) * TICK_MS) / 1_000;
    const here = poisson(owed, random);
    owed = 0;
    for (let n = 0; n < here; n++) tracker.arrived(1, nowMs - TICK_MS * (1 - (n + 0.5) / here));
    arrived += here;
    queue += here;
    const perTick = (capacity(ready) * TICK_MS) / 1_000;
    const served = Math.min(queue, perTick);
    queue -= served;
    const room = (capacity(ready) * objectiveMs) / 1_000;
    const dropped = Math.max(0, Math.floor(queue - room));
    queue -= dropped;
    missed += dropped;
    const rows = batchRows(
      served,
      perTick,
      feasibleRows(truth, { replicas: Math.max(1, ready), objectiveMs, maxRows: maxBatchRows }),
    );
    const busy = ready === 0 ? 0 : Math.min(ready, Math.ceil(served / rows));
    for (let n = 0; n < busy; n++) model.observe(rows, (truth.meanMs(rows) ?? 0) * (0.95 + 0.1 * random()));
    tracker.ended(Math.round(served) + dropped, dropped, nowMs);
    tracker.ongoing(Math.round(queue + busy * rows), nowMs);
    if (nowMs % DECIDE_MS !== 0) continue;
    const before = target;
    const decision = policy.decide({
      nowMs,
      measuredMs: nowMs,
      bounds,
      target,
      ready,
      starting: starting.length,
      queuedRequests: Math.round(queue),
      queuedRows: Math.round(queue),
      ongoingRequests: Math.min(Math.round(served), busy * rows),
      ongoingRows: Math.min(Math.round(served), busy * rows),
      load: tracker.readAt(nowMs),
      service: model,
      startUpMs,
      maxBatchRows,
      maxOngoingRequests: 1_000,
    });
    target = decision.target;
    for (let n = before; n < target; n++) starting.push(nowMs + startUpMs);
    for (let n = target; n < before; n++) {
      if (starting.pop() === undefined) ready--;
    }
    let needed = rate(second) > 0 ? 1 : 0;
    while (capacity(needed) < rate(second) && needed < bounds.max) needed++;
    moments.push({ second, rate: rate(second), target, ready, needed, missed, arrived });
    missed = arrived = 0;
  }
  return moments;
}

/** Rows of a batch at this load: small when there is room, the largest that is in time when there is none. */
function batchRows(served: number, perTick: number, largest: number): number {
  return Math.max(1, Math.min(largest, Math.ceil((served / Math.max(perTick, 1e-9)) * largest)));
}

function poisson(mean: number, random: () => number): number {
  if (mean > 30) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count++;
  return count;
}

/** A generator of numbers that starts from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Share of requests answered in time. */
export function attainment(moments: readonly Moment[]): number {
  const arrived = moments.reduce((sum, moment) => sum + moment.arrived, 0);
  return 1 - moments.reduce((sum, moment) => sum + moment.missed, 0) / arrived;
}

export function replicaSeconds(moments: readonly Moment[]): number {
  return moments.reduce((sum, { ready }) => sum + ready, 0) / 2;
}

/** Times the target turned from up to down or back. */
export function reversals(moments: readonly Moment[]): number {
  let [turns, direction] = [0, 0];
  for (const [n, { target }] of moments.entries()) {
    const step = Math.sign(target - (moments[n - 1]?.target ?? target));
    if (step !== 0 && direction !== 0 && step !== direction) turns++;
    if (step !== 0) direction = step;
  }
  return turns;
}
