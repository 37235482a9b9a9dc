// Resources that somebody holds, and lends while waiting.
//
// 1. What was taken is given back once, in whatever order `block`, `unblock` and `release` come.

import type { Pool, Taken, Units } from "./pool.ts";

/** What the holder of a lease has to do with. */
export interface Lease {
  readonly nodeId: string;
  /** Devices of which it has all or a share. */
  readonly gpuIds: readonly number[];
  /** Gives everything back; the second and later calls do nothing. */
  release(): void;
  /** Lends the CPUs while the holder waits for others. */
  block(): void;
  /** Calls `back` once it has its CPUs again: before anybody who only queues. */
  unblock(back: () => void): void;
}

export interface LeaseOwner {
  /** Resources of the pool came back. */
  onGiven(): void;
  /** Calls `tryTake` until it says true, whenever something came back. */
  takeFirst(tryTake: () => boolean): void;
  onReleased(lease: HeldLease): void;
}

type Loan =
  | { readonly kind: "NONE" }
  | { readonly kind: "LENT" }
  /** Wants its CPUs back. */
  | { readonly kind: "WAITING"; readonly back: () => void };

const CPUS = "num_cpus";

export class HeldLease implements Lease {
  readonly nodeId: string;
  readonly gpuIds: readonly number[];
  readonly pool: Pool;
  readonly #owner: LeaseOwner;
  readonly #cpus: Units;
  readonly #taken: Taken;
  /** Counted with the others of its group on the node. */
  readonly group: string | undefined;
  /** Told when the node or the placement group under it is gone; the holder has to end and release. */
  readonly onLost: () => void;
  #loan: Loan = { kind: "NONE" };
  #released = false;

  constructor(
    held: {
      readonly nodeId: string;
      readonly pool: Pool;
      readonly taken: Taken;
      readonly onLost: () => void;
      readonly group: string | undefined;
    },
    owner: LeaseOwner,
  ) {
    this.nodeId = held.nodeId;
    this.pool = held.pool;
    this.onLost = held.onLost;
    this.group = held.group;
    this.gpuIds = held.taken.gpus.map(({ device }) => device);
    this.#taken = held.taken;
    this.#owner = owner;
    const cpus = held.taken.units.get(CPUS) ?? 0;
    this.#cpus = cpus === 0 ? new Map() : new Map([[CPUS, cpus]]);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    const { units, gpus } = this.#taken;
    const rest = this.#loan.kind === "NONE" ? units : withoutCpus(units);
    this.#loan = { kind: "NONE" };
    this.pool.give({ units: rest, gpus }); // invariant 1
    this.#owner.onReleased(this);
    this.#owner.onGiven();
  }

  block(): void {
    if (this.#released || this.#loan.kind !== "NONE") return;
    this.#loan = { kind: "LENT" };
    this.pool.give({ units: this.#cpus, gpus: [] });
    this.#owner.onGiven();
  }

  unblock(back: () => void): void {
    if (this.#released || this.#loan.kind !== "LENT") {
      back();
      return;
    }
    this.#loan = { kind: "WAITING", back };
    this.#owner.takeFirst(() => this.#takeBack());
  }

  #takeBack(): boolean {
    if (this.#loan.kind !== "WAITING") return true; // released meanwhile
    if (!this.pool.fits(this.#cpus)) return false;
    this.pool.take(this.#cpus);
    const { back } = this.#loan;
    this.#loan = { kind: "NONE" };
    back();
    return true;
  }
}

function withoutCpus(units: Units): Units {
  const rest = new Map(units);
  rest.delete(CPUS);
  return rest;
}
