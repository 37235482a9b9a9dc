// Runs the calls and streams of one instance, in the actor's process.
//
// 1. Calls begin in the order they came in; asynchronous methods overlap, as in Ray's async actors.
// 2. A stream is asked for its next item only while the parent has room for it.
// 3. Whatever goes wrong in a call is that call's error and nobody else's, an unserialisable result included.

import { callContext } from "./call-context.ts";
import type { FromActor, ToActor } from "./protocol.ts";
import { describeThrown, Refusal } from "./thrown.ts";

type CallMessage = Extract<ToActor, { type: "call" | "stream" }>;

interface RunningCall {
  readonly abort: AbortController;
  /** Items the parent still has room for. */
  credit: number;
  /** Ends the wait of a stream without credit. */
  wake: () => void;
}

export interface RunnerOptions {
  readonly actor: string;
  readonly incarnation: number;
  /** Throws when the message cannot be serialised. */
  readonly send: (message: FromActor) => void;
}

export class CallRunner {
  readonly #instance: object;
  readonly #options: RunnerOptions;
  readonly #running = new Map<number, RunningCall>();
  #onIdle: () => void = () => {};

  constructor(instance: object, options: RunnerOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** Runs one call to its end and answers it; never rejects (invariant 3). */
  async run(message: CallMessage): Promise<void> {
    const { id, method } = message;
    const abort = new AbortController();
    const credit = message.type === "stream" ? message.window : 0;
    const call: RunningCall = { abort, credit, wake: () => {} };
    this.#running.set(id, call);
    const { actor, incarnation } = this.#options;
    try {
      await callContext.run({ actor, incarnation, method, signal: abort.signal }, () =>
        message.type === "stream" ? this.#stream(message, call) : this.#call(message),
      );
    } catch (thrown) {
      this.#options.send({ type: "error", id, error: describeThrown(thrown).error });
    } finally {
      this.#forget(id);
    }
  }

  credit(id: number, count: number): void {
    const call = this.#running.get(id);
    if (call === undefined) return;
    call.credit += count;
    call.wake();
  }

  cancel(id: number): void {
    const call = this.#running.get(id);
    // Nobody waits for it any more, so the end of the process does not either.
    this.#forget(id);
    call?.abort.abort();
    call?.wake();
  }

  /** Resolves once no call runs that somebody waits for. */
  async idle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #forget(id: number): void {
    this.#running.delete(id);
    if (this.#running.size === 0) this.#onIdle();
  }

  async #call({ id, method, args }: CallMessage): Promise<void> {
    const value = await this.#invoke(method, args);
    if (isIterator(value)) {
      throw new Refusal("INVALID_ARGUMENT", `Cannot call "${method}": it returns a stream, wanted stream()`);
    }
    this.#send({ type: "result", id, value }, method);
  }

  async #stream({ id, method, args }: CallMessage, call: RunningCall): Promise<void> {
    const items = await this.#invoke(method, args);
    if (!isIterable(items)) {
      throw new Refusal("INVALID_ARGUMENT", `Cannot stream "${method}": it returns no stream, wanted call()`);
    }
    for await (const value of items) {
      if (call.abort.signal.aborted) return;
      this.#send({ type: "item", id, value }, method);
      call.credit--;
      while (call.credit <= 0 && !call.abort.signal.aborted) {
        await new Promise<void>((resolve) => {
          call.wake = resolve;
        });
      }
      if (call.abort.signal.aborted) return;
    }
    this.#options.send({ type: "end", id });
  }

  #invoke(method: string, args: readonly unknown[]): unknown {
    const found: unknown = method in Object.prototype ? undefined : Reflect.get(this.#instance, method);
    if (typeof found !== "function") {
      throw new Refusal("NOT_FOUND", `Cannot call "${method}": the actor's class has no such method`);
    }
    return Reflect.apply(found, this.#instance, args);
  }

  #send(message: FromActor, method: string): void {
    try {
      this.#options.send(message);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal("CALL_FAILED", `Cannot send the result of "${method}" to another process: ${why}`, {
        cause,
      });
    }
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/** An iterable that is used up by reading; arrays, maps and sets are values. */
function isIterator(value: unknown): boolean {
  return isIterable(value) && (Symbol.asyncIterator in value || "next" in value);
}
