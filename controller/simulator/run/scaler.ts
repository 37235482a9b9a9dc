// The loop around an autoscaling policy, which tells the fleet. The policy is the product's own class, or a plan made with
// hindsight.
//
// 1. It looks as often as the product's (`controller/scaling`), and decides when the policy wants to be asked again, and at
//    once when more waits than at the last look. What has come in between, it learns then.

import {
  type AutoscalingPolicy,
  initialReplicas,
  type LoadReading,
  type ReplicaBounds,
  StartUpTimes,
} from "../../autoscale/index.ts";
import type { LoadCounts } from "../../routing/index.ts";
import { LoadMeter } from "../../scaling/index.ts";
import type { Random } from "../kernel/random.ts";
import type { VirtualTime } from "../kernel/virtual-time.ts";
import type { Fleet } from "../plant/fleet.ts";
import type { ServingSystem } from "../systems/serving-system.ts";

export interface ScalerOptions {
  readonly time: VirtualTime;
  /** For the moment of the first look. */
  readonly random: Random;
  readonly policy: AutoscalingPolicy;
  readonly bounds: ReplicaBounds;
  readonly fleet: Fleet;
  readonly system: ServingSystem;
  readonly load: LoadCounts;
  readonly maxBatchRows: number;
  /** Attempts sent and not ended. */
  readonly open: () => number;
  /** Known before the first was measured, as from an earlier run. */
  readonly startUpMs: number;
  readonly untilMs: number;
}

const LOOK_MS = 100;
const MAX_ONGOING = 1_000;

export class Scaler {
  readonly #options: ScalerOptions;
  readonly #meter = new LoadMeter();
  readonly #startUps = new StartUpTimes();
  #queued = 0;
  #reviewAtMs = Number.NEGATIVE_INFINITY;
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
    this.#options.time.timer(this.#options.random.next() * LOOK_MS, () => this.#run());
  }

  started(startUpMs: number): void {
    this.#startUps.record(startUpMs);
  }

  #run(): void {
    const { time, untilMs } = this.#options;
    this.#look();
    if (time.nowMs() < untilMs) time.timer(LOOK_MS, () => this.#run());
  }

  /** Invariant 1. */
  #look(): void {
    const { time, system, load, open } = this.#options;
    const nowMs = time.nowMs();
    const { queued } = system;
    const { arrivedRequests, arrivedRows, endedRequests, missedRequests } = load;
    const totals = { open: open(), arrivedRequests, arrivedRows, endedRequests, missedRequests };
    const reading = this.#meter.read(new Map([[load, totals]]), nowMs);
    const due = nowMs >= this.#reviewAtMs || queued > this.#queued;
    this.#queued = queued;
    if (due) this.#decide(reading, { nowMs, queued, ongoing: Math.max(0, totals.open - queued) });
  }

  #decide(
    load: LoadReading,
    { nowMs, queued, ongoing }: { readonly nowMs: number; readonly queued: number; readonly ongoing: number },
  ): void {
    const { policy, bounds, fleet, system, maxBatchRows } = this.#options;
    this.#decisions++;
    const { target, explanation, reviewAtMs } = policy.decide({
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
      load,
      service: system.service,
      startUpMs: this.#startUps.startUpMs,
      maxBatchRows,
      maxOngoingRequests: MAX_ONGOING,
    });
    this.#reviewAtMs = reviewAtMs;
    if (target === fleet.target) return;
    this.#explanations.push(`${(nowMs / 1_000).toFixed(1)} s  ${explanation}`);
    fleet.scaleTo(target);
  }
}
