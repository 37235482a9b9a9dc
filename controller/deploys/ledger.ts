// Notes in the store what becomes of releases and where deployments stand, behind what happens: nobody waits for it.
//
// 1. What is lost by a kill in between is found out again: a release that was not settled is watched again, a version
//    that was not remembered proves itself again.
// 2. What was written last is written no second time. But for the targets, what an earlier server wrote is not known here:
//    it is forgotten when told so, once.

import { messageOf } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import { type LastingMemory, lastingPart } from "../reconcile/index.ts";
import type { JsonObject, MemoryKind, Release, ServeStore } from "../store/index.ts";
import type { StoredTraffic } from "../traffic/index.ts";
import type { ReleaseOutcome } from "./outcome.ts";
import { keep } from "./recall.ts";
import { keepTarget } from "./targets.ts";
import { WriteBehind } from "./write-behind.ts";

export class Ledger {
  readonly #store: ServeStore;
  readonly #writes: WriteBehind;
  /** By what it is of, what was written last, as text; undefined when it was forgotten. */
  readonly #written = new Map<string, string | undefined>();

  /** `targets`: what the store has of them. */
  constructor(store: ServeStore, log: Logger, targets: ReadonlyMap<string, number>) {
    this.#store = store;
    for (const [name, replicas] of targets)
      this.#written.set(keyOf("target", name), JSON.stringify(keepTarget(replicas)));
    this.#writes = new WriteBehind((key, thrown) => {
      log.error(`cannot note in the store: ${key}: ${messageOf(thrown)}`);
    });
  }

  settle({ application, number }: Release, outcome: ReleaseOutcome): void {
    const key = `release ${number} of "${application}" is ${outcome.kind}`;
    this.#writes.put(key, () => this.#store.settle(application, number, outcome));
  }

  remember(deployment: string, memory: Parameters<typeof lastingPart>[0]): void {
    this.#note("deployment", deployment, keep(lastingPart(memory) satisfies LastingMemory));
  }

  forget(deployment: string): void {
    this.#note("deployment", deployment, undefined);
    this.rememberTarget(deployment, undefined);
  }

  /** Of a deployment; undefined when load does not decide. */
  rememberTarget(deployment: string, replicas: number | undefined): void {
    this.#note("target", deployment, replicas === undefined ? undefined : keepTarget(replicas));
  }

  /** Of an application; undefined when it has no traffic to remember. */
  rememberTraffic(application: string, traffic: StoredTraffic | undefined): void {
    this.#note("traffic", application, traffic === undefined ? undefined : { ...traffic });
  }

  #note(kind: MemoryKind, name: string, kept: JsonObject | undefined): void {
    const key = keyOf(kind, name);
    const text = JSON.stringify(kept);
    if (this.#written.has(key) && this.#written.get(key) === text) return; // invariant 2
    this.#written.set(key, text);
    this.#writes.put(key, () => this.#store.remember(kind, name, kept));
  }

  /** Nothing is asked for any more in place of the config's number of replicas. */
  forgetScale(deployment: string): void {
    this.#writes.put(`scale of "${deployment}"`, () => this.#store.remember("scale", deployment, undefined));
  }

  /** Resolves when all of it is written. */
  async flush(): Promise<void> {
    await this.#writes.flush();
  }
}

function keyOf(kind: MemoryKind, name: string): string {
  return `memory of ${kind} "${name}"`;
}
