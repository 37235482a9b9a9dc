// The key-value store of this machine: checks what it is asked, has it done on the store's thread, wakes watchers.
//
// 1. A watcher reads the log from where it is, so a slow one costs nothing and misses nothing that is kept; when
//    what it needs went, it is told.
// 2. All writes of a file go through here (the file is locked), so waking on them wakes for every change.

import {
  type Change,
  type CommitOutcome,
  type Entry,
  type KeyValue,
  type Listing,
  type Revision,
  type WatchEvent,
  type WatchOptions,
} from "../backend.ts";
import { checkChanges, checkKey, checkPrefix } from "../key.ts";
import type { StoreThread } from "./store-thread.ts";

export class LocalKeyValue implements KeyValue {
  readonly #thread: StoreThread;
  /** Called when there is something new, or when the store closes. */
  readonly #sleepers = new Set<() => void>();

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    return (await this.#thread.ask({ kind: "get", key })).entry;
  }

  async list(prefix: string): Promise<Listing> {
    checkPrefix(prefix);
    return (await this.#thread.ask({ kind: "list", prefix })).listing;
  }

  async put(key: string, value: Uint8Array, expected?: Revision): Promise<CommitOutcome> {
    return await this.commit([{ kind: "put", key, value, ...(expected === undefined ? {} : { expected }) }]);
  }

  async delete(key: string, expected?: Revision): Promise<CommitOutcome> {
    return await this.commit([{ kind: "delete", key, ...(expected === undefined ? {} : { expected }) }]);
  }

  async commit(changes: readonly Change[]): Promise<CommitOutcome> {
    checkChanges(changes);
    const { outcome } = await this.#thread.ask({ kind: "commit", changes });
    if (outcome.kind === "committed") this.wake(); // invariant 2
    return outcome;
  }

  async *watch({ prefix, after, signal }: WatchOptions): AsyncGenerator<WatchEvent, void, undefined> {
    checkPrefix(prefix);
    let cursor = after;
    while (!signal.aborted) {
      // From before the question, so that a commit in between is not slept through.
      const something = this.#nextWake(signal);
      try {
        const { changes } = await this.#thread.ask({ kind: "changes", prefix, after: cursor });
        for (const event of changes.events) {
          if (signal.aborted) return;
          yield event;
        }
        cursor = changes.upTo; // invariant 1
        if (!changes.more) await something.promise;
      } finally {
        something.cancel();
      }
    }
  }

  /** Lets watchers look again. */
  wake(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }

  #nextWake(signal: AbortSignal): { readonly promise: Promise<void>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#sleepers.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    return {
      promise,
      cancel: () => {
        this.#sleepers.delete(wake);
        signal.removeEventListener("abort", wake);
      },
    };
  }
}
