// Amounts of resources as whole numbers of their smallest unit: 1/10,000 of a resource, bytes of `memory`, so that no
// sum ever drifts. Pure.

import { ShoalError } from "../../base/index.ts";

/** Amounts by resource name: `num_cpus`, `num_gpus`, `memory` (bytes) or a custom name; absent is 0. */
export type ResourceAmounts = Readonly<Record<string, number>>;

const UNITS_PER_RESOURCE = 10_000;

function scaleOf(resource: string): number {
  return resource === "memory" ? 1 : UNITS_PER_RESOURCE;
}

export function amountOf(resource: string, units: number): number {
  return units / scaleOf(resource);
}

/** Amounts of zero are left out. Throws INVALID_ARGUMENT on one that is negative, not finite or finer than its unit. */
export function unitsOf(amounts: ResourceAmounts): Map<string, number> {
  const units = new Map<string, number>();
  for (const [resource, amount] of Object.entries(amounts)) {
    const scale = scaleOf(resource);
    const scaled = amount * scale;
    const whole = Math.round(scaled);
    // The tolerance is for sums like 0.1 + 0.2, far below the unit.
    if (!(amount >= 0) || !Number.isSafeInteger(whole) || Math.abs(scaled - whole) > 1e-6) {
      const wanted = scale === 1 ? "whole bytes from 0" : "a number from 0 in steps of 1/10000";
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot account for resource "${resource}": found ${amount}, wanted ${wanted}`,
      );
    }
    if (whole > 0) units.set(resource, whole);
  }
  return units;
}
