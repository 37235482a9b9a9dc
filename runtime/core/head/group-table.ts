// Placement groups by their ids and names, and who waits for them.
//
// 1. A name is taken from creation to removal.
// 2. Of who gives up waiting nothing is left: a group that does not fit may be asked for again and again.

import { type Clock, ShoalError, type Timer } from "../../base/index.ts";
import type { WaitOptions } from "../api/core.ts";
import { abortError } from "../abort-error.ts";
import type { Scheduler } from "../scheduling/index.ts";
import type { GroupData, Id } from "../workers/messages.ts";

interface Group {
  readonly key: string | undefined;
  isCreated: boolean;
  /** Who waits: told once of the creation, or of the removal. */
  readonly waiting: Set<(error?: ShoalError) => void>;
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
    const group: Group = { key, isCreated: false, waiting: new Set() };
    this.#scheduler.createPlacementGroup({
      id,
      ...(name === undefined ? {} : { name, namespace }),
      detached,
      strategy,
      bundles,
      onCreated: () => {
        group.isCreated = true;
        tell(group);
      },
    });
    this.#groups.set(id, group);
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
    if (group === undefined) return Promise.reject(removed());
    if (group.isCreated) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const finish = (error?: ShoalError): void => {
        group.waiting.delete(finish); // invariant 2
        timer?.cancel();
        signal?.removeEventListener("abort", onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = (): void => finish(abortError(signal?.reason, "Cannot wait for the placement group"));
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      group.waiting.add(finish);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (timeoutMs === undefined) return;
      timer = this.#clock.timer(timeoutMs, () => {
        const what = `Cannot wait for the placement group: it is not placed after ${timeoutMs} ms`;
        finish(new ShoalError("DEADLINE_EXCEEDED", what));
      });
    });
  }

  remove(id: Id): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#groups.delete(id);
    if (group.key !== undefined) this.#names.delete(group.key); // invariant 1
    this.#scheduler.removePlacementGroup(id);
    tell(group, removed());
  }
}

function tell({ waiting }: Group, error?: ShoalError): void {
  for (const finish of Array.from(waiting)) finish(error);
}

function removed(): ShoalError {
  return new ShoalError("NOT_FOUND", "Cannot wait for the placement group: it was removed");
}
