// Who is told of which actor. Watches do not keep it.
//
// 1. Nothing is told after DEAD, nor to a watch that is disposed of; both forget it.

import type { ActorWatcher } from "../api/core.ts";
import type { WorkerLine } from "../logs/worker-logs.ts";
import type { ActorStatus, Id } from "../workers/messages.ts";

interface Watch {
  actor: Id;
  readonly watcher: ActorWatcher;
}

export class ActorWatches {
  readonly #watches = new Map<Id, Set<Watch>>();

  /** The actor need not be there yet. */
  add(actor: Id, watcher: ActorWatcher): Disposable {
    const watch = { actor, watcher };
    this.#put(watch);
    return { [Symbol.dispose]: () => this.#remove(watch) };
  }

  /** Those of `from`, which is not made since `to` is there already, are told of `to`. */
  redirect(from: Id, to: { readonly id: Id; readonly status: ActorStatus }): void {
    const watches = this.#watches.get(from);
    this.#watches.delete(from);
    for (const watch of watches ?? []) {
      watch.actor = to.id;
      this.#put(watch);
      watch.watcher.onStatus?.(to.status);
    }
  }

  status(actor: Id, status: ActorStatus): void {
    const watches = this.#watches.get(actor);
    if (watches === undefined) return;
    if (status.state === "DEAD") this.#watches.delete(actor); // invariant 1
    // Whoever is told may watch, or end a watch.
    for (const { watcher } of Array.from(watches)) watcher.onStatus?.(status);
  }

  line(actor: Id, line: WorkerLine): void {
    const watches = this.#watches.get(actor);
    if (watches === undefined) return;
    for (const { watcher } of Array.from(watches)) watcher.onLine?.(line);
  }

  #put(watch: Watch): void {
    const watches = this.#watches.get(watch.actor);
    if (watches === undefined) this.#watches.set(watch.actor, new Set([watch]));
    else watches.add(watch);
  }

  #remove(watch: Watch): void {
    const watches = this.#watches.get(watch.actor);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(watch.actor);
  }
}
