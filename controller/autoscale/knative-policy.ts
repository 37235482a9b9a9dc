// Knative's pod autoscaler (KPA) by concurrency. Source: knative/serving pkg/autoscaler/scaling/autoscaler.go (98e5ef9)
// and pkg/reconciler/autoscaling/kpa/scaler.go.
//
// 1. Every two seconds, wanted = ⌈mean concurrency / (target · utilisation)⌉ over the stable and over the panic window.
// 2. When the panic window wants twice what is ready, it counts, and nothing goes down until a stable window has
//    passed without that.
// 3. From one replica to none only after the grace has passed with nothing wanted.

import {
  type AutoscalingPolicy,
  clip,
  duration,
  explain,
  figure,
  type ScalingDecision,
  type ScalingSnapshot,
} from "./policy.ts";

export interface KnativePolicyOptions {
  /** Requests at a time a replica is meant for. Default 100. */
  readonly containerConcurrency?: number;
  /** Default 0.7. */
  readonly targetUtilisation?: number;
  /** Default 60,000. */
  readonly stableWindowMs?: number;
  /** Of the stable window. Default 0.1. */
  readonly panicWindowShare?: number;
  /** Default 2. */
  readonly panicThreshold?: number;
  /** Default 1,000. */
  readonly maxScaleUpRate?: number;
  /** Default 2. */
  readonly maxScaleDownRate?: number;
  /** The largest wanted over so long counts. Default 0. */
  readonly scaleDownDelayMs?: number;
  /** Default 30,000. */
  readonly scaleToZeroGraceMs?: number;
}

const TICK_MS = 2_000;

export class KnativePolicy implements AutoscalingPolicy {
  readonly name = "knative";
  readonly #options: Required<KnativePolicyOptions>;
  #tickedMs = Number.NEGATIVE_INFINITY;
  #why = "nothing measured yet";
  /** Last moment over the threshold, and the most that was wanted since it began. */
  #panic: { sinceMs: number; most: number } | undefined;
  #started = false;
  /** What was wanted within the scale-down delay, oldest first; none smaller stands before a larger. */
  #recent: { readonly atMs: number; readonly wanted: number }[] = [];
  #idleSinceMs: number | undefined;

  constructor(options: KnativePolicyOptions = {}) {
    this.#options = {
      containerConcurrency: options.containerConcurrency ?? 100,
      targetUtilisation: options.targetUtilisation ?? 0.7,
      stableWindowMs: options.stableWindowMs ?? 60_000,
      panicWindowShare: options.panicWindowShare ?? 0.1,
      panicThreshold: options.panicThreshold ?? 2,
      maxScaleUpRate: options.maxScaleUpRate ?? 1_000,
      maxScaleDownRate: options.maxScaleDownRate ?? 2,
      scaleDownDelayMs: options.scaleDownDelayMs ?? 0,
      scaleToZeroGraceMs: options.scaleToZeroGraceMs ?? 30_000,
    };
  }

  decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs, target, bounds } = snapshot;
    // The activator pokes the autoscaler when a request comes to a revision without replicas.
    const poked = target === 0 && snapshot.queuedRequests + snapshot.ongoingRequests > 0;
    if (!poked && nowMs - this.#tickedMs < TICK_MS) {
      const kept = clip(target, bounds);
      return {
        target: kept,
        explanation: explain(target, kept, this.#why),
        reviewAtMs: this.#tickedMs + TICK_MS,
      };
    }
    this.#tickedMs = nowMs;
    const wanted = this.#delayed(this.#wanted(snapshot), nowMs);
    const to = clip(this.#graced(poked ? Math.max(1, wanted) : wanted, snapshot), bounds);
    return { target: to, explanation: explain(target, to, this.#why), reviewAtMs: nowMs + TICK_MS };
  }

  #wanted({ nowMs, load, ready }: ScalingSnapshot): number {
    const { stableWindowMs, panicWindowShare, maxScaleUpRate, maxScaleDownRate } = this.#options;
    const perReplica = this.#options.containerConcurrency * this.#options.targetUtilisation;
    const stable = load.meanOngoing(stableWindowMs);
    const panic = load.meanOngoing(stableWindowMs * panicWindowShare);
    const pods = Math.max(1, ready);
    const least = Math.floor(pods / maxScaleDownRate);
    const most = Math.ceil(pods * maxScaleUpRate);
    const within = (wanted: number): number => Math.min(most, Math.max(least, wanted));
    const wantedByPanic = Math.ceil(panic / perReplica);
    const over = wantedByPanic / pods >= this.#options.panicThreshold;
    // A scaler that starts over running pods does not know what it missed: it starts in panic.
    if (!this.#started && ready > 1) this.#panic = { sinceMs: nowMs, most: ready };
    this.#started = true;
    if (over) this.#panic = { sinceMs: nowMs, most: this.#panic?.most ?? 0 };
    else if (this.#panic !== undefined && nowMs - this.#panic.sinceMs > stableWindowMs)
      this.#panic = undefined;
    let wanted = within(Math.ceil(stable / perReplica));
    if (this.#panic !== undefined) {
      wanted = this.#panic.most = Math.max(this.#panic.most, wanted, within(wantedByPanic)); // invariant 2
    }
    const window = this.#panic === undefined ? stableWindowMs : stableWindowMs * panicWindowShare;
    const mean = this.#panic === undefined ? stable : panic;
    this.#why =
      `${figure(mean)} requests ongoing over ${duration(window)}, ${figure(perReplica)} wanted per replica` +
      (this.#panic === undefined ? "" : ", in panic: nothing goes down");
    return wanted;
  }

  #delayed(wanted: number, nowMs: number): number {
    const { scaleDownDelayMs } = this.#options;
    if (scaleDownDelayMs === 0) return wanted;
    while ((this.#recent.at(-1)?.wanted ?? Infinity) <= wanted) this.#recent.pop();
    this.#recent.push({ atMs: nowMs, wanted });
    while (nowMs - (this.#recent[0]?.atMs ?? nowMs) > scaleDownDelayMs) this.#recent.shift();
    return this.#recent[0]?.wanted ?? wanted;
  }

  #graced(wanted: number, { nowMs, target }: ScalingSnapshot): number {
    if (wanted > 0) this.#idleSinceMs = undefined;
    if (wanted > 0 || target === 0) return wanted;
    this.#idleSinceMs ??= nowMs;
    return nowMs - this.#idleSinceMs < this.#options.scaleToZeroGraceMs ? 1 : 0; // invariant 3
  }
}
