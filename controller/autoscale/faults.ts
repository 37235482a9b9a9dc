// What is wrong with a deployment's scaling settings, as a list; empty when they can be used. The config's rules turn
// faults into errors with a place in the file, the status shows what only turns out later.

import { feasibleRows, type ServiceTimes } from "../latency-model/index.ts";
import type { HpaPolicyOptions } from "./hpa-policy.ts";
import type { KnativePolicyOptions } from "./knative-policy.ts";
import { LONGEST_WINDOW_MS } from "./load/load-tracker.ts";
import type { ReplicaBounds } from "./policy.ts";
import type { RayPolicyOptions } from "./ray-policy.ts";
import type { SloPolicyOptions } from "./slo/slo-policy.ts";

export interface ScalingFault {
  /** The setting, by its name in the code. */
  readonly field: string;
  /** What was found and what is wanted. */
  readonly message: string;
}

type Fault = ScalingFault | undefined;

export function boundsFaults({ min, max, initial }: ReplicaBounds): ScalingFault[] {
  return found(
    count("min", min, 0),
    count("max", max, 1),
    initial === undefined ? undefined : count("initial", initial, 0),
    min > max ? fault("min", `is ${min}, at most the maximum of ${max} is wanted`) : undefined,
    initial !== undefined && (initial < min || initial > max)
      ? fault("initial", `is ${initial}, ${min} to ${max} is wanted`)
      : undefined,
  );
}

export function sloFaults(options: SloPolicyOptions): ScalingFault[] {
  const { objectiveMs, attainment = 0.99, overheadMs = 2, missCostMs = 50, keepAliveMs = 600_000 } = options;
  return found(
    above("objectiveMs", objectiveMs, 0),
    attainment > 0 && attainment < 1
      ? undefined
      : fault("attainment", `is ${attainment}, between 0 and 1 is wanted`),
    atLeast("overheadMs", overheadMs, 0),
    overheadMs >= objectiveMs
      ? fault("overheadMs", `is ${overheadMs}, less than the objective of ${objectiveMs} is wanted`)
      : undefined,
    atLeast("missCostMs", missCostMs, 0),
    atLeast("keepAliveMs", keepAliveMs, 0),
  );
}

/** An objective against what was learnt: below the time of one row nothing can meet it. Empty while nothing is known. */
export function objectiveFaults(options: SloPolicyOptions, service: ServiceTimes): ScalingFault[] {
  const oneRow = service.predictMs(1);
  if (oneRow === undefined) return [];
  const leftMs = options.objectiveMs - (options.overheadMs ?? 2);
  if (oneRow <= leftMs) return [];
  const times = `is ${options.objectiveMs}, one row takes up to ${oneRow.toFixed(1)} ms and ${options.overheadMs ?? 2} ms go elsewhere`;
  return [fault("objectiveMs", times)];
}

/** A batch larger than what a replica may have at once, or than any that is in time, is never formed. */
export function batchFaults(batch: {
  readonly maxBatchRows: number;
  readonly maxOngoingRequests: number;
  readonly objectiveMs?: number;
  readonly service?: ServiceTimes;
}): ScalingFault[] {
  const { maxBatchRows, maxOngoingRequests, objectiveMs, service } = batch;
  const largest =
    objectiveMs === undefined || service?.predictMs(1) === undefined
      ? undefined
      : feasibleRows(service, { replicas: 1_000, objectiveMs, maxRows: maxBatchRows });
  return found(
    maxBatchRows > maxOngoingRequests
      ? fault(
          "maxBatchRows",
          `is ${maxBatchRows}, at most the ${maxOngoingRequests} requests a replica may have is wanted`,
        )
      : undefined,
    largest !== undefined && largest > 0 && largest < maxBatchRows
      ? fault("maxBatchRows", `is ${maxBatchRows}, no more than ${largest} rows are in time`)
      : undefined,
  );
}

export function rayFaults(options: RayPolicyOptions): ScalingFault[] {
  const { lookBackPeriodMs = 30_000, upscalingFactor = 1, downscalingFactor = 1 } = options;
  const delays = [
    "metricsIntervalMs",
    "upscaleDelayMs",
    "downscaleDelayMs",
    "downscaleToZeroDelayMs",
  ] as const;
  return found(
    above("targetOngoingRequests", options.targetOngoingRequests ?? 2, 0),
    window("lookBackPeriodMs", lookBackPeriodMs),
    above("upscalingFactor", upscalingFactor, 0),
    above("downscalingFactor", downscalingFactor, 0),
    ...delays.map((delay) => atLeast(delay, options[delay] ?? 0, 0)),
  );
}

export function knativeFaults(options: KnativePolicyOptions): ScalingFault[] {
  const { targetUtilisation = 0.7, stableWindowMs = 60_000, panicWindowShare = 0.1 } = options;
  return found(
    above("containerConcurrency", options.containerConcurrency ?? 100, 0),
    targetUtilisation > 0 && targetUtilisation <= 1
      ? undefined
      : fault("targetUtilisation", `is ${targetUtilisation}, above 0 and at most 1 is wanted`),
    window("stableWindowMs", stableWindowMs),
    panicWindowShare > 0 && panicWindowShare <= 1
      ? undefined
      : fault("panicWindowShare", `is ${panicWindowShare}, above 0 and at most 1 is wanted`),
    above("panicThreshold", options.panicThreshold ?? 2, 1),
    above("maxScaleUpRate", options.maxScaleUpRate ?? 1_000, 1),
    above("maxScaleDownRate", options.maxScaleDownRate ?? 2, 1),
    atLeast("scaleDownDelayMs", options.scaleDownDelayMs ?? 0, 0),
    atLeast("scaleToZeroGraceMs", options.scaleToZeroGraceMs ?? 30_000, 0),
  );
}

export function hpaFaults(options: HpaPolicyOptions, bounds: ReplicaBounds): ScalingFault[] {
  const rates = [...(options.upRates ?? []), ...(options.downRates ?? [])];
  return found(
    above("targetOngoingRequests", options.targetOngoingRequests, 0),
    atLeast("tolerance", options.tolerance ?? 0.1, 0),
    window("syncPeriodMs", options.syncPeriodMs ?? 15_000),
    atLeast("upStabilisationMs", options.upStabilisationMs ?? 0, 0),
    atLeast("downStabilisationMs", options.downStabilisationMs ?? 300_000, 0),
    bounds.min === 0
      ? fault("min", "is 0, at least 1 is wanted: this rule does not start from none")
      : undefined,
    ...rates.flatMap(({ value, periodMs }) => [above("rate", value, 0), above("periodMs", periodMs, 0)]),
  );
}

function found(...faults: readonly Fault[]): ScalingFault[] {
  return faults.filter((fault) => fault !== undefined);
}

function fault(field: string, message: string): ScalingFault {
  return { field, message };
}

function count(field: string, value: number, least: number): Fault {
  return Number.isInteger(value) && value >= least
    ? undefined
    : fault(field, `is ${value}, a whole number of at least ${least} is wanted`);
}

function above(field: string, value: number, limit: number): Fault {
  return Number.isFinite(value) && value > limit
    ? undefined
    : fault(field, `is ${value}, more than ${limit} is wanted`);
}

function atLeast(field: string, value: number, limit: number): Fault {
  return Number.isFinite(value) && value >= limit
    ? undefined
    : fault(field, `is ${value}, at least ${limit} is wanted`);
}

function window(field: string, value: number): Fault {
  return value > 0 && value <= LONGEST_WINDOW_MS
    ? undefined
    : fault(field, `is ${value}, above 0 and at most ${LONGEST_WINDOW_MS} is wanted`);
}
