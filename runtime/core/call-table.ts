// The calls and streams a parent waits for at one process of an actor.
//
// 1. Every call ends once: by its reply, its cancellation, its deadline or the end of the process.
// 2. At most `maxPending` wait at a time; one more is refused at once.
// 3. A stream's producer is never more than its window ahead of the consumer.

import { type Clock, messageOf, ShoalError, type Timer } from "../base/index.ts";
import { abortError } from "./abort-error.ts";
import type { Reply, ToActor } from "./protocol.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** From now to the result; without it a call waits as long as the actor lives. */
  readonly timeoutMs?: number;
}

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Items produced ahead of the consumer, 16 by default. */
  readonly window?: number;
}

export interface CallTableOptions {
  readonly actor: string;
  readonly clock: Clock;
  readonly maxPending: number;
  /** Throws when the message cannot be serialised; then nothing of it was sent. */
  readonly send: (message: ToActor) => void;
}

interface Pending {
  onReply(reply: Reply): void;
  onFailure(error: ShoalError): void;
}

const DEFAULT_WINDOW = 16;

function nobodyWaits(): void {}

export class CallTable {
  readonly #options: CallTableOptions;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(options: CallTableOptions) {
    this.#options = options;
  }

  call(method: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    const { signal, timeoutMs } = options;
    const what = `"${method}" of actor "${this.#options.actor}"`;
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const id = ++this.#lastId;
      const settle = (): void => {
        this.#pending.delete(id);
        timer?.cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: ShoalError): void => {
        settle();
        reject(error);
      };
      const giveUp = (error: ShoalError): void => {
        fail(error);
        this.#options.send({ type: "cancel", id });
      };
      const onAbort = (): void => giveUp(abortError(signal?.reason, `Cannot finish call ${what}`));
      const onReply = (reply: Reply): void => {
        if (reply.type === "error") return fail(ShoalError.fromWire(reply.error));
        settle();
        resolve(reply.type === "result" ? reply.value : undefined);
      };
      this.#open(id, { type: "call", id, method, args }, { onReply, onFailure: fail }, signal);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (timeoutMs === undefined) return;
      timer = this.#options.clock.timer(timeoutMs, () =>
        giveUp(
          new ShoalError("DEADLINE_EXCEEDED", `Cannot finish call ${what}: no result within ${timeoutMs} ms`),
        ),
      );
    });
  }

  /** Starts with the first `next()`; leaving the loop cancels. Items that came before a failure are delivered. */
  async *stream(
    method: string,
    args: readonly unknown[],
    options: StreamOptions,
  ): AsyncGenerator<unknown, void, undefined> {
    const { signal, window = DEFAULT_WINDOW } = options;
    if (!Number.isSafeInteger(window) || window < 1) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot stream "${method}": found window ${window}, wanted 1 or more`,
      );
    }
    const what = `"${method}" of actor "${this.#options.actor}"`;
    const id = ++this.#lastId;
    const items: unknown[] = [];
    let end: { readonly error?: ShoalError } | undefined;
    let wake = nobodyWaits;
    const finish = (how: { readonly error?: ShoalError }): void => {
      end ??= how;
      wake();
    };
    const onAbort = (): void => {
      items.length = 0;
      finish({ error: abortError(signal?.reason, `Cannot finish stream ${what}`) });
    };
    const onReply = (reply: Reply): void => {
      if (reply.type === "item") {
        items.push(reply.value);
        wake();
        return;
      }
      this.#pending.delete(id);
      finish(reply.type === "error" ? { error: ShoalError.fromWire(reply.error) } : {});
    };
    const onFailure = (error: ShoalError): void => {
      this.#pending.delete(id);
      finish({ error });
    };
    this.#open(id, { type: "stream", id, method, args, window }, { onReply, onFailure }, signal);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      // Half a window at a time, so that credit costs few messages and the producer rarely waits.
      const batch = Math.ceil(window / 2);
      for (let consumed = 0; ; ) {
        if (items.length > 0) {
          yield items.shift();
          consumed++;
          if (consumed < batch || !this.#pending.has(id)) continue;
          this.#options.send({ type: "credit", id, count: consumed });
          consumed = 0;
        } else if (end !== undefined) {
          if (end.error !== undefined) throw end.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (this.#pending.delete(id)) this.#options.send({ type: "cancel", id });
    }
  }

  /** Gives a reply to whoever waits for it; a late one is dropped. */
  accept(reply: Reply): void {
    this.#pending.get(reply.id)?.onReply(reply);
  }

  /** Ends everything that waits: the process is gone. */
  failAll(errorFor: () => ShoalError): void {
    for (const pending of this.#pending.values()) pending.onFailure(errorFor());
  }

  #open(
    id: number,
    message: Extract<ToActor, { type: "call" | "stream" }>,
    pending: Pending,
    signal: AbortSignal | undefined,
  ): void {
    const verb = `Cannot ${message.type} "${message.method}" of actor "${this.#options.actor}"`;
    if (signal?.aborted) throw abortError(signal.reason, verb);
    if (this.#pending.size >= this.#options.maxPending) {
      throw new ShoalError("QUEUE_FULL", `${verb}: ${this.#pending.size} calls wait, which is the limit`);
    }
    try {
      this.#options.send(message);
    } catch (cause) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `${verb}: an argument cannot be sent to another process: ${messageOf(cause)}`,
        { cause },
      );
    }
    this.#pending.set(id, pending);
  }
}
