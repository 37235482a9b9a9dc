// Waiting for objects: `get` and `wait`, for the driver and for workers alike.
//
// 1. Whoever waits can stop: by a deadline, a signal, or because its process is gone; then nothing of it is left.

import { type Clock, ShoalError, type Timer } from "../../base/index.ts";
import { abortError } from "../abort-error.ts";
import type { WaitOptions } from "../api/core.ts";
import type { Id } from "../workers/messages.ts";
import type { ObjectDirectory, ObjectEntry } from "./object-directory.ts";

export class Readers {
  readonly #directory: ObjectDirectory;
  readonly #clock: Clock;

  constructor(directory: ObjectDirectory, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Resolves once all objects are settled; rejects with DEADLINE_EXCEEDED or CANCELLED. */
  all(objects: readonly Id[], options: WaitOptions): Promise<void> {
    return this.#wait(objects, objects.length, options).then((settled) => {
      if (settled.size < objects.length && settled.size < new Set(objects).size) {
        const what = `Cannot get ${objects.length} objects: ${settled.size} are ready after ${options.timeoutMs} ms`;
        throw new ShoalError("DEADLINE_EXCEEDED", what);
      }
    });
  }

  /** The settled objects, once there are `count` of them or the time is over; rejects with CANCELLED. */
  some(objects: readonly Id[], count: number, options: WaitOptions): Promise<ReadonlySet<Id>> {
    return this.#wait(objects, count, options);
  }

  /** Whether all are settled now. */
  areReady(objects: readonly Id[]): boolean {
    return objects.every((id) => this.#directory.find(id)?.state.kind !== "PENDING");
  }

  /** The first `count` of the objects that are settled now, or fewer. */
  #settledOf(objects: readonly Id[], count: number): Set<Id> {
    const settled = new Set<Id>();
    for (const id of objects) {
      if (settled.size >= count) break;
      if (this.#directory.find(id)?.state.kind !== "PENDING") settled.add(id);
    }
    return settled;
  }

  #wait(objects: readonly Id[], count: number, { timeoutMs, signal }: WaitOptions): Promise<Set<Id>> {
    // Mostly there is nothing to wait for, and many objects: waiting for them one by one must not listen to all each time.
    const settled = this.#settledOf(objects, count);
    const isAborted = signal?.aborted === true;
    if (settled.size >= count && !isAborted) return Promise.resolve(settled);
    const wanted = Math.min(count, new Set(objects).size);
    if (settled.size >= wanted && !isAborted) return Promise.resolve(settled);
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      let over = false;
      const finish = (): void => {
        over = true;
        timer?.cancel();
        signal?.removeEventListener("abort", onAbort);
        for (const id of objects) this.#directory.unlisten(id, onSettled); // invariant 1
      };
      const onAbort = (): void => {
        finish();
        reject(abortError(signal?.reason, "Cannot wait for objects"));
      };
      const onSettled = ({ id }: ObjectEntry): void => {
        settled.add(id);
        if (over || settled.size < wanted) return;
        finish();
        resolve(settled);
      };
      if (isAborted) {
        onAbort();
        return;
      }
      for (const id of objects) this.#directory.listen(id, onSettled);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (timeoutMs === undefined) return;
      timer = this.#clock.timer(timeoutMs, () => {
        finish();
        resolve(settled);
      });
    });
  }
}
