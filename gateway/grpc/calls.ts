// Handlers as the services write them, made into those that grpc-js wants: what they throw becomes a status.
//
// 1. A stream gives its value at once and again whenever it has changed, never more than its client reads: what is
//    outdated before it could be sent is not sent.
// 2. A stream ends with its client, with what is thrown, or with `Feeds.end`; nothing of it is left then.
// 3. Streams are bounded; one more is refused at once.

import { isDeepStrictEqual } from "node:util";
import type { handleUnaryCall, handleServerStreamingCall, ServerWritableStream } from "@grpc/grpc-js";
import { ShoalError } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import { statusOf } from "./status.ts";

/** One request, one answer. */
export function unary(answer: (request: unknown) => object, log: Logger): handleUnaryCall<unknown, object> {
  return ({ request }, callback) => {
    let answered: object;
    try {
      answered = answer(request);
    } catch (thrown) {
      callback(statusOf(thrown, log));
      return;
    }
    callback(null, answered);
  };
}

type Call = ServerWritableStream<unknown, object>;

export interface FeedsOptions {
  readonly log: Logger;
  /** Streams open at a time. Default 1,000. */
  readonly maxOpen?: number;
}

/** The streams of values that are open. */
export class Feeds {
  readonly #log: Logger;
  readonly #maxOpen: number;
  /** What looks again. */
  readonly #open = new Map<Call, () => void>();

  constructor({ log, maxOpen = 1_000 }: FeedsOptions) {
    this.#log = log;
    this.#maxOpen = maxOpen;
  }

  get size(): number {
    return this.#open.size;
  }

  /** A method that streams a value; `valueOf` reads the request once, and gives what tells the value of now. */
  method(valueOf: (request: unknown) => () => object): handleServerStreamingCall<unknown, object> {
    return (call) => {
      if (this.#open.size >= this.#maxOpen) {
        const message = `Cannot open another stream: ${this.#open.size} are open, wanted fewer than ${this.#maxOpen}`;
        call.emit("error", statusOf(new ShoalError("OVERLOADED", message), this.#log)); // invariant 3
        return;
      }
      try {
        this.#begin(call, valueOf(call.request));
      } catch (thrown) {
        this.#fail(call, thrown);
      }
    };
  }

  /** Looks whether there is anything new. */
  look(): void {
    for (const look of this.#open.values()) look();
  }

  /** Ends all of them, to be tried elsewhere. */
  end(): void {
    for (const call of this.#open.keys())
      this.#fail(call, new ShoalError("DRAINING", "The server is shutting down"));
  }

  #begin(call: Call, valueNow: () => object): void {
    let sent: object | undefined;
    let isFull = false;
    const look = (): void => {
      if (isFull) return; // invariant 1
      try {
        const value = valueNow();
        if (isDeepStrictEqual(value, sent)) return;
        sent = value;
        isFull = !call.write(value);
      } catch (thrown) {
        this.#fail(call, thrown); // invariant 2
      }
    };
    call.on("drain", () => {
      isFull = false;
      look();
    });
    call.on("cancelled", () => this.#open.delete(call));
    call.on("close", () => this.#open.delete(call));
    this.#open.set(call, look);
    look();
  }

  #fail(call: Call, thrown: unknown): void {
    this.#open.delete(call);
    call.emit("error", statusOf(thrown, this.#log));
  }
}
