// Notes in the store what becomes of releases and where deployments stand, behind what happens: nobody waits for it.
//
// 1. What is lost by a kill in between is found out again: a release that was not settled is watched again, a version
//    that was not remembered proves itself again.

import { messageOf } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import { type LastingMemory, lastingPart } from "../reconcile/index.ts";
import type { Release, ServeStore } from "../store/index.ts";
import type { ReleaseOutcome } from "./outcome.ts";
import { keep } from "./recall.ts";
import { WriteBehind } from "./write-behind.ts";

export class Ledger {
  readonly #store: ServeStore;
  readonly #writes: WriteBehind;
  /** By deployment, what was written last, as text. */
  readonly #written = new Map<string, string>();

  constructor(store: ServeStore, log: Logger) {
    this.#store = store;
    this.#writes = new WriteBehind((key, thrown) => {
      log.error(`cannot note in the store: ${key}: ${messageOf(thrown)}`);
    });
  }

  settle({ application, number }: Release, outcome: ReleaseOutcome): void {
    const key = `release ${number} of "${application}" is ${outcome.kind}`;
    this.#writes.put(key, () => this.#store.settle(application, number, outcome));
  }

  /** Writes nothing when what lasts of it is what was written last. */
  remember(deployment: string, memory: Parameters<typeof lastingPart>[0]): void {
    const kept = keep(lastingPart(memory) satisfies LastingMemory);
    const text = JSON.stringify(kept);
    if (this.#written.get(deployment) === text) return;
    this.#written.set(deployment, text);
    this.#writes.put(`memory of "${deployment}"`, () => this.#store.remember(deployment, kept));
  }

  forget(deployment: string): void {
    this.#written.delete(deployment);
    this.#writes.put(`memory of "${deployment}"`, () => this.#store.remember(deployment, undefined));
  }

  /** Nothing is asked for any more in place of the config's number of replicas. */
  forgetScale(deployment: string): void {
    this.#writes.put(`scale of "${deployment}"`, () => this.#store.scale(deployment, undefined));
  }

  /** Resolves when all of it is written. */
  async flush(): Promise<void> {
    await this.#writes.flush();
  }
}
