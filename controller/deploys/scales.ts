// Numbers of replicas that an external scaler asked for, in place of the config's.
//
// 1. One holds until its application no longer lets anybody scale it, or its config says another number than it did; it is
//    forgotten then, also should the config come back to the old number.
// 2. It is in the store before the answer.

import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import type { ApplicationConfig } from "../config/index.ts";
import type { JsonObject, ServeStore } from "../store/index.ts";
import type { Ledger } from "./ledger.ts";

/** Tolerant of keys that a later version adds. */
const Scale = Type.Object({
  replicas: Type.Integer({ minimum: 0 }),
  /** The config's own number at that time. */
  insteadOf: Type.Integer({ minimum: 0 }),
  author: Type.String(),
  atEpochMs: Type.Number(),
});
export type Scale = Static<typeof Scale>;

/** As the store has them; what cannot be read is left out: the config's number holds then. */
export function scalesOf(memories: ReadonlyMap<string, JsonObject | undefined>): ReadonlyMap<string, Scale> {
  return new Map(
    [...memories].flatMap(([name, memory]): [string, Scale][] =>
      Check(Scale, memory) ? [[name, memory]] : [],
    ),
  );
}

export class Scales {
  readonly #store: ServeStore;
  readonly #ledger: Ledger;
  #known: ReadonlyMap<string, Scale>;

  constructor(store: ServeStore, ledger: Ledger, known: ReadonlyMap<string, Scale>) {
    this.#store = store;
    this.#ledger = ledger;
    this.#known = known;
  }

  /** By deployment, what holds. */
  get all(): ReadonlyMap<string, Scale> {
    return this.#known;
  }

  /** Forgets what does not hold with these applications (invariant 1). */
  settle(applications: readonly ApplicationConfig[]): void {
    const numbers = new Map(
      applications
        .filter(({ externalScaler }) => externalScaler === true)
        .flatMap(({ deployments }) => deployments)
        .map(({ name, numReplicas }) => [name, numReplicas] as const),
    );
    const holds = ([name, { insteadOf }]: [string, Scale]): boolean => numbers.get(name) === insteadOf;
    for (const entry of this.#known) if (!holds(entry)) this.#ledger.forgetScale(entry[0]);
    this.#known = new Map([...this.#known].filter(holds));
  }

  /** Throws the STORE_ codes; nothing has changed then. */
  async set(deployment: string, scale: Scale): Promise<void> {
    await this.#ledger.flush(); // what is forgotten behind must not take this away
    await this.#store.remember("scale", deployment, scale); // invariant 2
    this.#known = new Map([...this.#known, [deployment, scale]]);
  }
}
