// Ray Serve's default rule, by wall time: replicas = requests ongoing / target_ongoing_requests, acted on once it was
// wanted in one direction for long enough. Source: ray serve/autoscaling_policy.py and autoscaling_state.py (00590c4).
//
// 1. A delay runs while every decision points the same way; one the other way, or none, begins it again. When it is
//    over, the newest value counts, not the largest of the time.
// 2. From none to some there is no delay; from many to none there is a stop at one.
// 3. Ray counts delays in turns of its loop; this one in milliseconds, which is what its documentation promises.

import {
  type AutoscalingPolicy,
  clip,
  duration,
  explain,
  figure,
  type ScalingDecision,
  type ScalingSnapshot,
} from "./policy.ts";

/** Names and defaults are Ray's, in camel case, with milliseconds for seconds. */
export interface RayPolicyOptions {
  /** Default 2. */
  readonly targetOngoingRequests?: number;
  /** How often the load is reported to the rule. Default 10,000, as in Ray; 0 is always. */
  readonly metricsIntervalMs?: number;
  /** Default 30,000. */
  readonly lookBackPeriodMs?: number;
  /** Default mean. */
  readonly aggregationFunction?: "mean" | "max" | "min";
  /** Default 30,000. */
  readonly upscaleDelayMs?: number;
  /** Default 600,000. */
  readonly downscaleDelayMs?: number;
  /** Of the step from one to none. Default `downscaleDelayMs`. */
  readonly downscaleToZeroDelayMs?: number;
  /** Gain on a difference. Default 1. */
  readonly upscalingFactor?: number;
  readonly downscalingFactor?: number;
}

const REVIEW_MS = 500;

export class RayPolicy implements AutoscalingPolicy {
  readonly name = "ray";
  readonly #options: Required<RayPolicyOptions>;
  readonly #delay: RayDelay;
  #reported: { readonly ongoing: number; readonly atMs: number } | undefined;

  constructor(options: RayPolicyOptions = {}) {
    const downscaleDelayMs = options.downscaleDelayMs ?? 600_000;
    this.#options = {
      targetOngoingRequests: options.targetOngoingRequests ?? 2,
      metricsIntervalMs: options.metricsIntervalMs ?? 10_000,
      lookBackPeriodMs: options.lookBackPeriodMs ?? 30_000,
      aggregationFunction: options.aggregationFunction ?? "mean",
      upscaleDelayMs: options.upscaleDelayMs ?? 30_000,
      downscaleDelayMs,
      downscaleToZeroDelayMs: options.downscaleToZeroDelayMs ?? downscaleDelayMs,
      upscalingFactor: options.upscalingFactor ?? 1,
      downscalingFactor: options.downscalingFactor ?? 1,
    };
    this.#delay = new RayDelay(this.#options);
  }

  decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs, ready, target, bounds } = snapshot;
    const { targetOngoingRequests, lookBackPeriodMs, aggregationFunction, upscalingFactor } = this.#options;
    const reviewAtMs = nowMs + REVIEW_MS;
    if (ready === 0) {
      const waiting = snapshot.queuedRequests + snapshot.ongoingRequests;
      const to = clip(waiting > 0 ? Math.max(Math.ceil(upscalingFactor), target) : target, bounds); // invariant 2
      const why =
        waiting > 0 ? `${waiting} requests and no replica` : "no replica is ready and no request waits";
      return { target: to, explanation: explain(target, to, why), reviewAtMs };
    }
    const ongoing = this.#ongoing(snapshot);
    const wanted = clip(this.#scaled(ongoing / targetOngoingRequests, ready), bounds);
    const verdict = this.#delay.settle(wanted, target, nowMs);
    const to = clip(verdict.target, bounds);
    const why =
      `${figure(ongoing)} requests ongoing, ${aggregationFunction} of ${duration(lookBackPeriodMs)}, ` +
      `${figure(targetOngoingRequests)} wanted per replica${verdict.note}`;
    return { target: to, explanation: explain(target, to, why), reviewAtMs };
  }

  /** As last reported: replicas and handles push every `metricsIntervalMs`. */
  #ongoing({ nowMs, load }: ScalingSnapshot): number {
    const { metricsIntervalMs, lookBackPeriodMs, aggregationFunction } = this.#options;
    if (this.#reported === undefined || nowMs - this.#reported.atMs >= metricsIntervalMs) {
      const over = { mean: "meanOngoing", max: "maxOngoing", min: "minOngoing" } as const;
      this.#reported = { ongoing: load[over[aggregationFunction]](lookBackPeriodMs), atMs: nowMs };
    }
    return this.#reported.ongoing;
  }

  #scaled(desired: number, running: number): number {
    const { upscalingFactor, downscalingFactor } = this.#options;
    const factor = desired > running ? upscalingFactor : downscalingFactor;
    const scaled = Math.ceil(running + factor * (desired - running));
    // Rounding up must not keep a small step down from ever being made.
    return Math.ceil(desired) < running && scaled === running ? running - 1 : scaled;
  }
}

type Delays = Required<
  Pick<RayPolicyOptions, "upscaleDelayMs" | "downscaleDelayMs" | "downscaleToZeroDelayMs">
>;

/** Ray's delays, which it also lays over custom policies. */
export class RayDelay {
  readonly #delays: Delays;
  #pending: { readonly direction: number; readonly sinceMs: number } | undefined;

  constructor(delays: Delays) {
    this.#delays = delays;
  }

  /** The target after `wanted` was asked for while `target` stands. */
  settle(wanted: number, target: number, nowMs: number): { readonly target: number; readonly note: string } {
    const direction = Math.sign(wanted - target);
    if (direction === 0) {
      this.#pending = undefined;
      return { target, note: "" };
    }
    if (this.#pending?.direction !== direction) this.#pending = { direction, sinceMs: nowMs }; // invariant 1
    const next = target > 1 ? Math.max(wanted, 1) : wanted; // invariant 2
    const { upscaleDelayMs, downscaleDelayMs, downscaleToZeroDelayMs } = this.#delays;
    const downMs = next === 0 ? downscaleToZeroDelayMs : downscaleDelayMs;
    const leftMs = this.#pending.sinceMs + (direction > 0 ? upscaleDelayMs : downMs) - nowMs;
    if (leftMs > 0) return { target, note: `, ${wanted} wanted, ${duration(leftMs)} of the delay left` };
    this.#pending = undefined;
    return { target: next, note: "" };
  }
}
