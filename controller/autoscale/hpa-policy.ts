// Kubernetes' horizontal pod autoscaler, v2, on requests ongoing per replica. Source: kubernetes
// pkg/controller/podautoscaler/{horizontal,replica_calculator}.go.
//
// 1. Every fifteen seconds, desired = ⌈replicas · measured / target⌉; within the tolerance nothing is done. Replicas
//    that are not ready count as idle when going up.
// 2. Down it follows the largest recommendation of the stabilisation window, up the smallest (window 0).
// 3. A rate limits each step: at most so many replicas, or so many per cent, whichever lets more through, per period.

import {
  type AutoscalingPolicy,
  clip,
  duration,
  explain,
  figure,
  type ScalingDecision,
  type ScalingSnapshot,
} from "./policy.ts";

export interface HpaRate {
  readonly type: "pods" | "percent";
  readonly value: number;
  readonly periodMs: number;
}

export interface HpaPolicyOptions {
  /** Requests ongoing per replica to aim at. */
  readonly targetOngoingRequests: number;
  /** Default 0.1. */
  readonly tolerance?: number;
  /** Default 15,000. */
  readonly syncPeriodMs?: number;
  /** Defaults 0 and 300,000. */
  readonly upStabilisationMs?: number;
  readonly downStabilisationMs?: number;
  /** Defaults: 4 pods or 100 % in 15 s up, 100 % in 15 s down. Whichever changes more is taken. */
  readonly upRates?: readonly HpaRate[];
  readonly downRates?: readonly HpaRate[];
}

interface Change {
  readonly atMs: number;
  readonly by: number;
}

const UP_RATES: readonly HpaRate[] = [
  { type: "pods", value: 4, periodMs: 15_000 },
  { type: "percent", value: 100, periodMs: 15_000 },
];
const DOWN_RATES: readonly HpaRate[] = [{ type: "percent", value: 100, periodMs: 15_000 }];

export class HpaPolicy implements AutoscalingPolicy {
  readonly name = "hpa";
  readonly #options: Required<HpaPolicyOptions>;
  readonly #longestMs: number;
  #syncedMs = Number.NEGATIVE_INFINITY;
  #why = "nothing measured yet";
  #recommended: { readonly atMs: number; readonly replicas: number }[] = [];
  #changes: Change[] = [];

  constructor(options: HpaPolicyOptions) {
    this.#options = {
      targetOngoingRequests: options.targetOngoingRequests,
      tolerance: options.tolerance ?? 0.1,
      syncPeriodMs: options.syncPeriodMs ?? 15_000,
      upStabilisationMs: options.upStabilisationMs ?? 0,
      downStabilisationMs: options.downStabilisationMs ?? 300_000,
      upRates: options.upRates ?? UP_RATES,
      downRates: options.downRates ?? DOWN_RATES,
    };
    const { upStabilisationMs, downStabilisationMs, upRates, downRates } = this.#options;
    const periods = [...upRates, ...downRates].map(({ periodMs }) => periodMs);
    this.#longestMs = Math.max(upStabilisationMs, downStabilisationMs, ...periods);
  }

  decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs, target, bounds } = snapshot;
    const { syncPeriodMs } = this.#options;
    if (nowMs - this.#syncedMs < syncPeriodMs) {
      const kept = clip(target, bounds);
      return {
        target: kept,
        explanation: explain(target, kept, this.#why),
        reviewAtMs: this.#syncedMs + syncPeriodMs,
      };
    }
    if (this.#syncedMs === Number.NEGATIVE_INFINITY)
      this.#recommended.push({ atMs: nowMs, replicas: target });
    this.#syncedMs = nowMs;
    const to = clip(this.#limited(this.#stabilised(this.#desired(snapshot), snapshot), snapshot), bounds);
    if (to !== target) this.#changes.push({ atMs: nowMs, by: to - target });
    this.#changes = this.#changes.filter(({ atMs }) => nowMs - atMs <= this.#longestMs);
    return { target: to, explanation: explain(target, to, this.#why), reviewAtMs: nowMs + syncPeriodMs };
  }

  /** Invariant 1. */
  #desired({ load, ready, target }: ScalingSnapshot): number {
    const { targetOngoingRequests, tolerance, syncPeriodMs } = this.#options;
    const ongoing = load.meanOngoing(syncPeriodMs);
    this.#why = `${figure(ongoing)} requests ongoing, ${figure(targetOngoingRequests)} wanted per replica`;
    if (target === 0) return 0; // the HPA is off at zero
    if (ready === 0) return target;
    const usage = ongoing / ready / targetOngoingRequests;
    const counted = usage > 1 ? Math.max(ready, target) : ready;
    const ratio = ongoing / counted / targetOngoingRequests;
    if (Math.abs(ratio - 1) <= tolerance || (usage > 1 && ratio < 1)) {
      this.#why += `, within ${figure(tolerance * 100)} %`;
      return target;
    }
    const wanted = Math.ceil(ratio * counted - 1e-9);
    return (ratio < 1 && wanted > target) || (ratio > 1 && wanted < target) ? target : wanted;
  }

  /** Invariant 2. */
  #stabilised(desired: number, { nowMs, target }: ScalingSnapshot): number {
    const { upStabilisationMs, downStabilisationMs } = this.#options;
    let [least, most] = [desired, desired];
    for (const { atMs, replicas } of this.#recommended) {
      if (nowMs - atMs < upStabilisationMs) least = Math.min(least, replicas);
      if (nowMs - atMs < downStabilisationMs) most = Math.max(most, replicas);
    }
    this.#recommended = this.#recommended.filter(({ atMs }) => nowMs - atMs <= this.#longestMs);
    this.#recommended.push({ atMs: nowMs, replicas: desired });
    const settled = Math.min(Math.max(target, least), most);
    if (settled !== desired) this.#why += `, ${desired} wanted, held for ${duration(downStabilisationMs)}`;
    return settled;
  }

  /** Invariant 3. */
  #limited(wanted: number, { nowMs, target }: ScalingSnapshot): number {
    if (wanted > target) {
      const limits = this.#options.upRates.map((rate) => {
        const from = target - this.#changed(rate, nowMs, 1);
        return rate.type === "pods" ? from + rate.value : Math.ceil(from * (1 + rate.value / 100));
      });
      return Math.min(wanted, Math.max(target, ...limits));
    }
    const limits = this.#options.downRates.map((rate) => {
      const from = target + this.#changed(rate, nowMs, -1);
      return rate.type === "pods" ? from - rate.value : Math.trunc(from * (1 - rate.value / 100));
    });
    return Math.max(wanted, Math.min(target, ...limits));
  }

  /** Replicas added (1) or removed (-1) within the rate's period. */
  #changed({ periodMs }: HpaRate, nowMs: number, direction: 1 | -1): number {
    return this.#changes
      .filter(({ atMs, by }) => nowMs - atMs < periodMs && Math.sign(by) === direction)
      .reduce((sum, { by }) => sum + Math.abs(by), 0);
  }
}
