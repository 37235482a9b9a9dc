// What a policy that says how many replicas is told, and what it answers.
//
// 1. A policy has no clock and does no I/O: it goes by `nowMs` of what it is told, and by what it was told before.
// 2. It may be asked at any moment and any number of times: nothing depends on how often.
// 3. It always answers a whole number within the bounds, and why, in one line.

import type { ServiceTimes } from "../latency-model/index.ts";
import type { LoadReading } from "./load/load-tracker.ts";

export interface ReplicaBounds {
  readonly min: number;
  readonly max: number;
  /** Replicas to begin with. Default `min`. */
  readonly initial?: number;
}

/** One deployment at one moment. */
export interface ScalingSnapshot {
  readonly nowMs: number;
  /** When the figures below were taken; the same clock as `nowMs`. */
  readonly measuredMs: number;
  readonly bounds: ReplicaBounds;
  /** How many replicas are wanted now. */
  readonly target: number;
  readonly ready: number;
  readonly starting: number;
  readonly queuedRequests: number;
  readonly queuedRows: number;
  /** At replicas. */
  readonly ongoingRequests: number;
  readonly ongoingRows: number;
  readonly load: LoadReading;
  readonly service: ServiceTimes;
  /** How long a replica takes from being asked for to ready. */
  readonly startUpMs: number;
  /** Largest batch, in rows. */
  readonly maxBatchRows: number;
  /** Requests a replica may have at once. */
  readonly maxOngoingRequests: number;
  /** Batches that a replica runs beside each other, each as fast as one alone. Default 1. */
  readonly batchesAtOnce?: number;
  /** Processes that share out the replicas among themselves. Default 1. */
  readonly gateways?: number;
}

export interface ScalingDecision {
  readonly target: number;
  /** `3 → 5: 412 req/s measured, 96 per replica at 40 ms, 0.8 head-room`, or `5: …` when nothing changes. */
  readonly explanation: string;
  /** What went wrong while deciding, as a sentence for the status; the target is then the last good one, or a careful one. */
  readonly fault?: string;
  /** Ask again then, should nothing happen before. */
  readonly reviewAtMs: number;
}

export interface AutoscalingPolicy {
  /** As in `autoscaling_config.policy`. */
  readonly name: string;
  decide(snapshot: ScalingSnapshot): ScalingDecision;
}

/** How many replicas to begin with. */
export function initialReplicas(bounds: ReplicaBounds): number {
  return clip(bounds.initial ?? bounds.min, bounds);
}

/** The nearest whole number within the bounds; the maximum wins over the minimum (invariant 3). */
export function clip(replicas: number, { min, max }: ReplicaBounds): number {
  return Math.min(max, Math.max(min, replicas));
}

/** The line of a decision. */
export function explain(from: number, to: number, why: string): string {
  return from === to ? `${to}: ${why}` : `${from} → ${to}: ${why}`;
}

/** A number as a person reads it: three digits, no more. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Milliseconds as a person reads them. */
export function duration(ms: number): string {
  return ms >= 1_000 ? `${figure(ms / 1_000)} s` : `${figure(ms)} ms`;
}
