// What a machine has to give and who holds it: exact accounting of `num_cpus`, `num_gpus`, `memory` and
// custom resources. It counts; it neither waits nor schedules, and does not say which GPU.
//
// 1. Amounts are integers inside: 1/10,000 of a resource, whole bytes for `memory`. No sum ever drifts.
// 2. A request is granted whole or not at all; what is free is never negative and never above the total.
// 3. A lease gives back what it took exactly once, however often it is released.

import assert from "node:assert/strict";
import { ShoalError } from "../base/index.ts";

/** Amounts by resource name: `num_cpus`, `num_gpus`, `memory` (bytes) or a custom name; absent is 0. */
export type ResourceAmounts = Readonly<Record<string, number>>;

/** Resources held; whoever got it releases it. */
export interface ResourceLease {
  readonly amounts: ResourceAmounts;
  /** Gives everything back; the second and later calls do nothing (invariant 3). */
  release(): void;
}

export interface ResourceShortage {
  readonly resource: string;
  readonly needed: number;
  readonly free: number;
  readonly total: number;
}

/**
 * What came of asking: `short` may succeed after a release, `infeasible` never will, since the request exceeds
 * the total. `message` reads like "needs 4 num_cpus, 2 free of 2".
 */
export type Acquisition =
  | { readonly kind: "granted"; readonly lease: ResourceLease }
  | {
      readonly kind: "short" | "infeasible";
      readonly shortages: readonly ResourceShortage[];
      readonly message: string;
    };

export type ResourceSnapshot = Readonly<Record<string, { readonly total: number; readonly free: number }>>;

interface Account {
  readonly totalUnits: number;
  freeUnits: number;
}

const UNITS_PER_RESOURCE = 10_000;

export class ResourceLedger {
  readonly #accounts = new Map<string, Account>();
  readonly #listeners = new Set<() => void>();

  /** Throws INVALID_ARGUMENT on an amount that is negative, not finite or finer than its unit. */
  constructor(totals: ResourceAmounts) {
    for (const [resource, totalUnits] of unitsOf(totals)) {
      this.#accounts.set(resource, { totalUnits, freeUnits: totalUnits });
    }
  }

  /** Takes all of `request` or nothing (invariant 2). Throws INVALID_ARGUMENT on amounts no ledger could hold. */
  tryAcquire(request: ResourceAmounts): Acquisition {
    const units = unitsOf(request);
    const lacking = [...units].filter(([resource, needed]) => needed > this.#account(resource).freeUnits);
    if (lacking.length > 0) {
      const infeasible = lacking.some(([resource, needed]) => needed > this.#account(resource).totalUnits);
      const shortages = lacking.map(([resource, needed]) => this.#shortage(resource, needed));
      return { kind: infeasible ? "infeasible" : "short", shortages, message: describe(shortages) };
    }
    for (const [resource, needed] of units) this.#account(resource).freeUnits -= needed;
    return { kind: "granted", lease: this.#lease(request, units) };
  }

  /** Calls `listener` after each release, in a microtask of its own; the returned function ends that. */
  onRelease(listener: () => void): () => void {
    // A wrapper of its own, so that the same function can listen twice and end each alone.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  snapshot(): ResourceSnapshot {
    return Object.fromEntries(
      [...this.#accounts].map(([resource, { totalUnits, freeUnits }]) => [
        resource,
        { total: amountOf(resource, totalUnits), free: amountOf(resource, freeUnits) },
      ]),
    );
  }

  #lease(request: ResourceAmounts, units: ReadonlyMap<string, number>): ResourceLease {
    let held = true;
    return {
      amounts: { ...request },
      release: () => {
        if (!held) return;
        held = false;
        for (const [resource, taken] of units) {
          const account = this.#account(resource);
          account.freeUnits += taken;
          assert(account.freeUnits <= account.totalUnits, `more ${resource} free than there is`);
        }
        // Microtasks, so that a listener that throws cannot break the teardown that releases.
        for (const listener of this.#listeners) queueMicrotask(listener);
      },
    };
  }

  /** A resource nobody declared is there with a total of zero. */
  #account(resource: string): Account {
    return this.#accounts.get(resource) ?? { totalUnits: 0, freeUnits: 0 };
  }

  #shortage(resource: string, neededUnits: number): ResourceShortage {
    const { freeUnits, totalUnits } = this.#account(resource);
    return {
      resource,
      needed: amountOf(resource, neededUnits),
      free: amountOf(resource, freeUnits),
      total: amountOf(resource, totalUnits),
    };
  }
}

function describe(shortages: readonly ResourceShortage[]): string {
  return shortages
    .map(({ resource, needed, free, total }) => `needs ${needed} ${resource}, ${free} free of ${total}`)
    .join("; ");
}

function scaleOf(resource: string): number {
  return resource === "memory" ? 1 : UNITS_PER_RESOURCE;
}

export function amountOf(resource: string, units: number): number {
  return units / scaleOf(resource);
}

/** Decodes amounts into integers (invariant 1); amounts of zero are left out. */
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
