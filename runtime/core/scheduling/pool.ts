// Something resources are taken from: a node, or a bundle of a placement group. It counts.
//
// 1. A request is taken whole or not at all; what is free is never negative and never above the total.
// 2. GPUs are taken by device: whole ones, or a share of one device.

import assert from "node:assert/strict";
import { amountOf } from "./resources.ts";

/** Integers: 1/10,000 of a resource, bytes of memory; see `unitsOf`. */
export type Units = ReadonlyMap<string, number>;

const GPU_UNITS = 10_000;
const GPUS = "num_gpus";

/** What was taken: the units, and for GPUs of which devices. */
export interface Taken {
  readonly units: Units;
  readonly gpus: readonly Share[];
}

interface Share {
  readonly device: number;
  readonly units: number;
}

export class Pool {
  readonly total: Units;
  readonly #free: Map<string, number>;
  /** Free units by device. */
  readonly #gpus: Map<number, number>;

  /** `gpus` are the shares of devices that belong to it; whole devices from 0 by default. */
  constructor(total: Units, gpus: readonly Share[] = wholeDevices(total)) {
    this.total = total;
    this.#free = new Map(total);
    this.#gpus = new Map(gpus.map(({ device, units }) => [device, units]));
  }

  free(resource: string): number {
    return this.#free.get(resource) ?? 0;
  }

  fits(units: Units): boolean {
    for (const [resource, needed] of units) if (needed > this.free(resource)) return false;
    const gpus = units.get(GPUS);
    return gpus === undefined || this.#pickGpus(gpus) !== undefined;
  }

  /** Whether it would fit if everything were free. */
  couldFit(units: Units): boolean {
    for (const [resource, needed] of units) if (needed > (this.total.get(resource) ?? 0)) return false;
    return true;
  }

  /** Only after `fits`. */
  take(units: Units): Taken {
    for (const [resource, needed] of units) this.#change(resource, -needed);
    const gpus = this.#pickGpus(units.get(GPUS) ?? 0) ?? [];
    for (const { device, units: share } of gpus)
      this.#gpus.set(device, (this.#gpus.get(device) ?? 0) - share);
    return { units, gpus };
  }

  give({ units, gpus }: Taken): void {
    for (const [resource, taken] of units) this.#change(resource, taken);
    for (const { device, units: share } of gpus)
      this.#gpus.set(device, (this.#gpus.get(device) ?? 0) + share);
  }

  /** The largest share in use of any resource in `of`, after taking `units`: from 0 to 1. */
  utilisation(units: Units): number {
    let worst = 0;
    for (const [resource, total] of this.total) {
      if (total === 0) continue;
      worst = Math.max(worst, (total - this.free(resource) + (units.get(resource) ?? 0)) / total);
    }
    return worst;
  }

  /** `needs 4 num_cpus, 2 free of 2`; undefined when it fits. */
  shortage(units: Units): string | undefined {
    const lacking = [...units].filter(([resource, needed]) => needed > this.free(resource));
    if (lacking.length === 0) return undefined;
    return lacking
      .map(([resource, needed]) => {
        const [free, total] = [this.free(resource), this.total.get(resource) ?? 0];
        return `needs ${amountOf(resource, needed)} ${resource}, ${amountOf(resource, free)} free of ${amountOf(resource, total)}`;
      })
      .join("; ");
  }

  amounts(): Record<string, { readonly total: number; readonly free: number }> {
    return Object.fromEntries(
      [...this.total].map(([resource, total]) => [
        resource,
        { total: amountOf(resource, total), free: amountOf(resource, this.free(resource)) },
      ]),
    );
  }

  /** Invariant 1. */
  #change(resource: string, by: number): void {
    const free = this.free(resource) + by;
    assert(free >= 0 && free <= (this.total.get(resource) ?? 0), `${resource} went to ${free} units free`);
    this.#free.set(resource, free);
  }

  /** Invariant 2; undefined when no devices fit. */
  #pickGpus(needed: number): Share[] | undefined {
    if (needed === 0) return [];
    if (needed < GPU_UNITS) {
      // The fullest device that still has room, so that whole ones stay whole.
      let best: number | undefined;
      for (const [device, free] of this.#gpus) {
        if (free >= needed && (best === undefined || free < (this.#gpus.get(best) ?? 0))) best = device;
      }
      return best === undefined ? undefined : [{ device: best, units: needed }];
    }
    const whole = [...this.#gpus].filter(([, free]) => free === GPU_UNITS).slice(0, needed / GPU_UNITS);
    if (whole.length * GPU_UNITS !== needed) return undefined;
    return whole.map(([device]) => ({ device, units: GPU_UNITS }));
  }
}

function wholeDevices(total: Units): Share[] {
  const count = Math.floor((total.get(GPUS) ?? 0) / GPU_UNITS);
  return Array.from({ length: count }, (_, device) => ({ device, units: GPU_UNITS }));
}
