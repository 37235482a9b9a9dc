// Placement groups by their ids and names, and who waits for them.
//
// 1. A name is taken from creation to removal.

import { type Clock, ShoalError } from "../../base/index.ts";
import type { WaitOptions } from "../api/core.ts";
import { abortError } from "../abort-error.ts";
import type { Scheduler } from "../scheduling/index.ts";
import type { GroupData, Id } from "../workers/messages.ts";

interface Group {
  readonly created: PromiseWithResolvers<void>;
  readonly key: string | undefined;
}

export class GroupTable {
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #groups = new Map<Id, Group>();
  readonly #names = new Map<string, Id>();

  constructor(scheduler: Scheduler, clock: Clock) {
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /** Throws INVALID_ARGUMENT; a group that does not fit now is pending. */
  create(id: Id, { name, namespace, detached, strategy, bundles }: GroupData): void {
    const key = name === undefined ? undefined : `${namespace}/${name}`;
    if (key !== undefined && this.#names.has(key)) {
      const what = `Cannot create placement group "${name}": the name is taken in namespace "${namespace}"`;
      throw new ShoalError("INVALID_ARGUMENT", what);
    }
    const created = Promise.withResolvers<void>();
    created.promise.catch(() => undefined);
    this.#scheduler.createPlacementGroup({
      id,
      ...(name === undefined ? {} : { name, namespace }),
      detached,
      strategy,
      bundles,
      onCreated: () => created.resolve(),
    });
    this.#groups.set(id, { created, key });
    if (key !== undefined) this.#names.set(key, id); // invariant 1
  }

  /** Throws NOT_FOUND. */
  named(name: string, namespace: string): Id {
    const id = this.#names.get(`${namespace}/${name}`);
    if (id !== undefined) return id;
    const what = `Cannot find placement group "${name}": there is none in namespace "${namespace}"`;
    throw new ShoalError("NOT_FOUND", what);
  }

  /** Resolves once all bundles are reserved. Rejects with DEADLINE_EXCEEDED, CANCELLED, or NOT_FOUND after a removal. */
  ready(id: Id, { timeoutMs, signal }: WaitOptions): Promise<void> {
    const group = this.#groups.get(id);
    if (group === undefined)
      return Promise.reject(
        new ShoalError("NOT_FOUND", "Cannot wait for the placement group: it was removed"),
      );
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(abortError(signal?.reason, "Cannot wait for the placement group"));
      const timer =
        timeoutMs === undefined
          ? undefined
          : this.#clock.timer(timeoutMs, () => {
              const what = `Cannot wait for the placement group: it is not placed after ${timeoutMs} ms`;
              reject(new ShoalError("DEADLINE_EXCEEDED", what));
            });
      signal?.addEventListener("abort", onAbort, { once: true });
      group.created.promise.then(resolve, reject).finally(() => {
        timer?.cancel();
        signal?.removeEventListener("abort", onAbort);
      });
    });
  }

  remove(id: Id): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#groups.delete(id);
    if (group.key !== undefined) this.#names.delete(group.key); // invariant 1
    this.#scheduler.removePlacementGroup(id);
    group.created.reject(new ShoalError("NOT_FOUND", "Cannot wait for the placement group: it was removed"));
  }
}
