// Sends work to workers: a task, a call or an actor's creation, with its arguments' values.
//
// 1. What is sent to one actor keeps its order, also when an argument has to be brought back from disk first.

import { ShoalError } from "../../base/index.ts";
import type { Parts, TaskSpec } from "../api/core.ts";
import type { Lease } from "../scheduling/index.ts";
import type { Id, RunMessage, WireArgument, Work } from "../workers/messages.ts";
import type { Wired } from "./head.ts";
import type { Worker } from "./worker.ts";

export interface DispatchOptions {
  /** The value of an object, its parts added to `parts`; see `Head.wireValue`. */
  readonly wireValue: (id: Id, parts: Uint8Array[]) => Wired | Promise<Wired>;
}

export interface Dispatched {
  readonly spec: TaskSpec;
  readonly work: Work;
  readonly attempt: number;
  readonly lease: Lease | undefined;
  /** An argument could not be read after all, or has to be made again first: then nothing was sent. */
  readonly onUnready: (why: ShoalError | "PENDING") => void;
}

export class Dispatch {
  readonly #options: DispatchOptions;
  /** The last message to a worker that waits for an argument (invariant 1). */
  readonly #waiting = new WeakMap<Worker, Promise<void>>();

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  send(worker: Worker, dispatched: Dispatched): void {
    const before = this.#waiting.get(worker);
    if (before === undefined) {
      const sending = this.#send(worker, dispatched);
      if (sending !== undefined) this.#wait(worker, sending);
    } else
      this.#wait(
        worker,
        before.then(() => this.#send(worker, dispatched)),
      );
  }

  /** Calls `send` behind all that was sent before it. */
  inOrder(worker: Worker, send: () => void): void {
    const before = this.#waiting.get(worker);
    if (before === undefined) send();
    else this.#wait(worker, before.then(send));
  }

  #wait(worker: Worker, sending: Promise<void>): void {
    this.#waiting.set(worker, sending);
    void sending.then(() => {
      if (this.#waiting.get(worker) === sending) this.#waiting.delete(worker);
    });
  }

  #send(worker: Worker, dispatched: Dispatched): Promise<void> | undefined {
    const { spec } = dispatched;
    const parts: Uint8Array[] = [...spec.args];
    const values: Wired[] = [];
    let last: Promise<void> | undefined;
    for (const [, object] of spec.references) {
      if (last === undefined) {
        const value = this.#options.wireValue(object, parts);
        if (value instanceof Promise) last = value.then((settled) => void values.push(settled));
        else values.push(value);
      } else {
        last = last.then(async () => void values.push(await this.#options.wireValue(object, parts)));
      }
    }
    if (last === undefined) {
      this.#post(worker, dispatched, { values, parts });
      return undefined;
    }
    return last.then(() => this.#post(worker, dispatched, { values, parts }));
  }

  #post(
    worker: Worker,
    { spec, work, attempt, lease, onUnready }: Dispatched,
    { values, parts }: { readonly values: readonly Wired[]; readonly parts: Parts },
  ): void {
    const references: WireArgument[] = [];
    for (const [index, [position, object]] of spec.references.entries()) {
      const value = values[index] ?? 0;
      if (value === "PENDING" || value instanceof ShoalError) {
        onUnready(value);
        return;
      }
      references.push([position, object, value]);
    }
    const message: RunMessage = {
      type: "run",
      task: spec.task,
      label: spec.label,
      work,
      args: spec.args.length,
      references,
      numReturns: spec.numReturns,
      attempt,
      window: spec.window,
      ...(spec.after === undefined ? {} : { after: spec.after }),
      ...(lease === undefined || lease.gpuIds.length === 0 ? {} : { gpuIds: lease.gpuIds }),
    };
    worker.send(message, parts);
  }
}
