// A reference to a value that is, or will be, somewhere in the runtime.
//
// 1. A reference holds its object: the object is freed when the last reference in the last process is gone.
// 2. Inside a value that is sent or stored it crosses as a marker and comes out as a reference again.

import { inspect } from "node:util";
import { ShoalError } from "../../base/index.ts";
import { markReference } from "../objects/index.ts";
import { type Id } from "../workers/messages.ts";
import { showId } from "./ids.ts";

declare const VALUE: unique symbol;

export class ObjectRef<T> {
  /** What `runtime.get` gives; for the compiler only. */
  declare readonly [VALUE]: T;
  readonly #id: Id;

  /** Made by the runtime only. */
  constructor(id: Id) {
    this.#id = id;
    markReference(this, id);
  }

  get id(): string {
    return showId(this.#id);
  }

  static idOf(ref: ObjectRef<unknown>): Id {
    return ref.#id;
  }

  [inspect.custom](): string {
    return String(this);
  }

  toString(): string {
    return `ObjectRef(${this.id})`;
  }
}

/**
 * The reference to what a generator yields: iterate it for the items, which come as they are produced, `get` it for
 * the end. Only the process that submitted the task can iterate, and once.
 */
export class StreamRef<T> extends ObjectRef<undefined> implements AsyncIterable<T> {
  #isRead = false;
  readonly #read: () => AsyncGenerator<unknown, void, undefined>;

  /** Made by the runtime only. */
  constructor(id: Id, read: () => AsyncGenerator<unknown, void, undefined>) {
    super(id);
    this.#read = read;
  }

  /**
   * Leaving the loop cancels the task. Throws what the generator threw, after the items before it; INVALID_ARGUMENT the
   * second time, since items that were read are gone.
   */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    if (this.#isRead) {
      const what = `Cannot read the stream ${this.id}: it has a reader or had one, wanted one that nobody has read`;
      throw new ShoalError("INVALID_ARGUMENT", what);
    }
    this.#isRead = true;
    // The items are what the task's module says.
    return this.#read() as AsyncGenerator<T, void, undefined>;
  }
}

export type RefArguments<A extends readonly unknown[]> = { [I in keyof A]: A[I] | ObjectRef<Awaited<A[I]>> };

/** Of a function that streams: one that returns an async iterable or a generator. */
export type Streamed<Item> = AsyncIterable<Item> | Generator<Item, unknown, never>;
