// The loop around an autoscaling policy: looks every half second, sooner when a request finds no replica, and tells the
// fleet. The policy is the product's own class, or a plan made with hindsight.

import {
  type AutoscalingPolicy,
  initialReplicas,
  type LoadTracker,
  type ReplicaBounds,
  StartUpTimes,
} from "../../autoscale/index.ts";
import type { VirtualTime } from "../kernel/virtual-time.ts";
import type { Fleet } from "../plant/fleet.ts";
import type { ServingSystem } from "../systems/serving-system.ts";

export interface ScalerOptions {
  readonly time: VirtualTime;
  readonly policy: AutoscalingPolicy;
  readonly bounds: ReplicaBounds;
  readonly fleet: Fleet;
  readonly system: ServingSystem;
  readonly load: LoadTracker;
  readonly maxBatchRows: number;
  /** Attempts sent and not ended. */
  readonly open: () => number;
  /** Known before the first was measured, as from an earlier run. */
  readonly startUpMs: number;
  readonly untilMs: number;
}

const PERIOD_MS = 500;
const MAX_ONGOING = 1_000;

export class Scaler {
  readonly #options: ScalerOptions;
  readonly #startUps = new StartUpTimes();
  #decisions = 0;
  #explanations: string[] = [];

  constructor(options: ScalerOptions) {
    this.#options = options;
    this.#startUps.record(options.startUpMs);
  }

  get decisions(): number {
    return this.#decisions;
  }

  /** One line for every change. */
  get explanations(): readonly string[] {
    return this.#explanations;
  }

  begin(): void {
    this.#options.fleet.begin(initialReplicas(this.#options.bounds));
    this.#later();
  }

  started(startUpMs: number): void {
    this.#startUps.record(startUpMs);
  }

  decide(): void {
    const { time, policy, bounds, fleet, system, load, maxBatchRows, open } = this.#options;
    const nowMs = time.nowMs();
    const queued = system.queued;
    const ongoing = Math.max(0, open() - queued);
    this.#decisions++;
    const { target, explanation } = policy.decide({
      nowMs,
      measuredMs: nowMs,
      bounds,
      target: fleet.target,
      ready: fleet.ready,
      starting: fleet.starting,
      queuedRequests: queued,
      queuedRows: queued,
      ongoingRequests: ongoing,
      ongoingRows: ongoing,
      load: load.readAt(nowMs),
      service: system.service,
      startUpMs: this.#startUps.startUpMs,
      maxBatchRows,
      maxOngoingRequests: MAX_ONGOING,
    });
    if (target === fleet.target) return;
    this.#explanations.push(`${(nowMs / 1_000).toFixed(1)} s  ${explanation}`);
    fleet.scaleTo(target);
  }

  #later(): void {
    const { time, untilMs } = this.#options;
    time.timer(PERIOD_MS, () => {
      this.decide();
      if (time.nowMs() < untilMs) this.#later();
    });
  }
}
