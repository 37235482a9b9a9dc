// What a task or call has returned, on its way: to the head, or to a caller that sent the call itself.
//
// 1. A generator is asked for its next item only while its reader has room for it.
// 2. To a caller itself goes a small value without references; all else is for the head to keep, which is told of
//    the call before.

import type { Session } from "../api/session.ts";
import { INLINE_BYTES, type RunMessage } from "../workers/messages.ts";
import type { DirectReply } from "./direct/caller.ts";
import { type Encoded, inMessage, type Link, type StoredResult } from "./link.ts";
import type { Running } from "./running.ts";
import { Refusal } from "./thrown.ts";
import { isIterator } from "./user-code.ts";

export class Results {
  readonly #link: Link;
  readonly #session: Session;

  constructor(link: Link, session: Session) {
    this.#link = link;
    this.#session = session;
  }

  /** Sends what was returned; undefined when that is done. Throws what cannot be sent. */
  conclude(message: RunMessage, value: unknown, running: Running): Promise<void> | undefined {
    const { reply } = running;
    if (isIterator(value)) return this.#items(message, value, running);
    if (reply !== undefined) return this.#answer(message, value, { running, reply });
    const { numReturns, label } = message;
    if (numReturns === 1) return this.#send(message, [this.#encode(value, label)]);
    const values = severalOf(value, numReturns, label);
    return this.#send(
      message,
      values.map((each) => this.#encode(each, label)),
    );
  }

  /** Invariant 2. */
  #answer(
    message: RunMessage,
    value: unknown,
    { running, reply }: { readonly running: Running; readonly reply: DirectReply },
  ): Promise<void> | undefined {
    const encoded = this.#encode(value, message.label);
    if (encoded.byteLength <= INLINE_BYTES && encoded.contains.length === 0) {
      reply.answer(message.task, encoded.parts);
      return undefined;
    }
    return this.#move(running).then((known) => (known ? this.#send(message, [encoded]) : undefined));
  }

  /** The outcome of a direct call is the head's from now on; false when nobody waits for it. */
  async #move(running: Running): Promise<boolean> {
    const known = await running.reply?.move(running.taskId);
    running.reply = undefined;
    return known === true;
  }

  #send(message: RunMessage, values: readonly Encoded[]): Promise<void> | undefined {
    if (values.some(({ byteLength }) => byteLength > INLINE_BYTES)) return this.#store(message, values);
    this.#done(message, values.map(inMessage));
    return undefined;
  }

  async #store(message: RunMessage, values: readonly Encoded[]): Promise<void> {
    const stored: StoredResult[] = [];
    for (const [index, each] of values.entries()) {
      stored.push(await this.#link.store(message.task + 1 + index, each));
    }
    this.#done(message, stored);
  }

  #done({ task }: RunMessage, stored: readonly StoredResult[]): void {
    this.#link.send(
      { type: "done", task, results: stored.map(({ result }) => result) },
      stored.length === 1 ? stored[0]?.parts : stored.flatMap(({ parts }) => parts),
    );
  }

  /** Invariant 1. */
  async #items(
    { task, label }: RunMessage,
    items: AsyncIterable<unknown> | Iterable<unknown>,
    running: Running,
  ): Promise<void> {
    if (running.reply !== undefined && !(await this.#move(running))) return;
    for await (const item of items) {
      if (running.isCancelled) break;
      const object = this.#session.core.ids.take();
      const { result, parts } = await this.#link.store(object, this.#encode(item, label));
      this.#link.send({ type: "item", task, object, result }, parts);
      running.credit--;
      while (running.credit <= 0 && !running.isCancelled) {
        await new Promise<void>((resolve) => {
          running.wake = resolve;
        });
      }
      if (running.isCancelled) break;
    }
    this.#link.send({ type: "end", task });
  }

  #encode(value: unknown, label: string): Encoded {
    try {
      return this.#session.encode(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal("CALL_FAILED", `Cannot send the result of "${label}" to another process: ${why}`, {
        cause,
      });
    }
  }
}

function severalOf(value: unknown, count: number, label: string): readonly unknown[] {
  if (count === 0) return [];
  if (Array.isArray(value) && value.length === count) return value;
  const found = Array.isArray(value) ? `an array of ${value.length}` : `a ${typeof value}`;
  throw new Refusal(
    "CALL_FAILED",
    `Cannot return from "${label}": found ${found}, wanted an array of ${count}`,
  );
}
